/**
 * Attention → QAttention (both com.microsoft): the projections to Q, K and V in int8, the activation by
 * DynamicQuantizeLinear. What QAttention does not know (a bias of the scores, a cache in a buffer of its own, rotary
 * embedding, values of another size) stays float; the bias that it demands is zeros where Attention has none.
 */
import { attributeInt, attributeInts, DataType, type Node } from '../../onnx/model.ts';
import type { Proposal, StepContext } from '../context.ts';
import { float32Tensor, makeNode } from '../graph/nodes.ts';
import type { Entry, Workspace } from '../graph/workspace.ts';
import type { DynamicInt8Edit } from '../recipe/recipe.ts';
import { constantBytes, findWeight, isBlocked, type Blocked } from '../weights/find.ts';
import { linearBytes } from '../weights/linear-tensors.ts';
import { storedBytes } from '../weights/stream.ts';
import {
  blocksDynamic,
  dropFloatWeight,
  linearRounding,
  nodeBase,
  quantizeActivation,
  quantizeWeight,
  weightPlan,
} from './shared.ts';

/** Of Attention's inputs. */
const [INPUT, WEIGHTS, BIAS, MASK, PAST] = [0, 1, 2, 3, 4];
/** Inputs of Attention that QAttention does not have. */
const LACKING = new Map([
  [5, 'attention_bias'],
  [6, 'past_sequence_length'],
]);
/** Attributes that QAttention's schema refuses: they say nothing here that is not the default. */
const DROPPED: ReadonlySet<string> = new Set(['qkv_hidden_sizes', 'rotary_embedding_dim']);

export function dynamicAttention(
  context: StepContext,
  entry: Entry,
  edit: DynamicInt8Edit,
): Proposal | Blocked {
  const { ws } = context;
  const [node = entry.original] = entry.nodes;
  const reason = blocksDynamic(ws, entry) ?? lacking(node);
  if (reason !== undefined) return { reason };
  const weight = findWeight(ws, entry, WEIGHTS, 'weights', [DataType.float]);
  if (isBlocked(weight)) return weight;
  const { dims } = weight.tensor;
  if (dims.length !== 2) return { reason: `weights "${weight.name}" has ${dims.length} dims, not 2` };
  const [, columns = 0] = dims;
  const plan = weightPlan(edit, 1, { isTransposed: false, factor: 1 });
  const biasBytes = constantBytes(ws, entry, BIAS);
  const input = (index: number) => node.inputs[index] ?? '';
  return {
    beforeBytes: storedBytes(weight.tensor) + biasBytes,
    roundings: [linearRounding(context, entry, weight, plan)],
    apply: () => {
      const hasBias = input(BIAS) !== '';
      const x = quantizeActivation(ws, entry, input(INPUT));
      const w = quantizeWeight(context, entry, weight, plan);
      const bias = hasBias ? input(BIAS) : zeroBias(ws, entry, columns);
      const inputs = [
        ...[x.values, w.values.name, bias, x.scale, w.scale.name],
        ...[input(MASK), x.zeroPoint, w.zeroPoint.name, input(PAST)],
      ];
      const kept = [...node.attributes.values()].filter((a) => !DROPPED.has(a.name));
      const name = ws.uniqueNodeName(`${nodeBase(entry)}_quant`);
      ws.replace(entry, [makeNode('QAttention', inputs, node.outputs, name, kept, node.domain)]);
      dropFloatWeight(context, entry, weight);
      entry.quantizedBy = { edit: context.edit, form: edit.form };
      const afterBytes = linearBytes(dims, plan.axis) + (hasBias ? biasBytes : 4 * columns);
      return { afterBytes, warnings: [] };
    },
  };
}

/** What the node has that QAttention would not take, or would leave out of its answer unsaid. */
function lacking(node: Node): string | undefined {
  for (const [index, name] of LACKING) {
    if ((node.inputs[index] ?? '') !== '') return `QAttention takes no ${name}`;
  }
  if (attributeInt(node, 'do_rotary', 0) !== 0) return 'QAttention takes no rotary embedding (do_rotary)';
  const sizes = attributeInts(node, 'qkv_hidden_sizes') ?? [];
  if (new Set(sizes).size > 1) return `QAttention needs Q, K and V of one size, not ${sizes.join(', ')}`;
  return undefined;
}

function zeroBias(ws: Workspace, entry: Entry, columns: number): string {
  const bias = float32Tensor(ws.uniqueName(`${nodeBase(entry)}_bias`), [columns], new Array(columns).fill(0));
  ws.addInitializer(entry.scope, bias);
  return bias.name;
}
