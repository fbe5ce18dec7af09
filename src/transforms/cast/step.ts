/** Makes a node compute in float16: its weights are converted, Casts stand at the borders (see plan.ts). */
import { DataType, type Node, type TensorRef } from '../../onnx/model.ts';
import { elementCount } from '../../onnx/index.ts';
import type { Proposal, StepContext } from '../context.ts';
import { executor } from '../executor.ts';
import { intAttribute, makeNode } from '../graph/nodes.ts';
import type { Binding, Entry } from '../graph/workspace.ts';
import { dropFloatWeight, madeOnce } from '../quantize/shared.ts';
import type { CastEdit } from '../recipe/recipe.ts';
import { allConstantBytes, type Blocked, type Weight } from '../weights/find.ts';
import { mapOrdered, storedBytes, valueChunks, type WeightSource } from '../weights/stream.ts';
import { castPlan, type CastPlan } from './plan.ts';
import { staysFloat32 } from './float16-ops.ts';

export function castToFloat16(context: StepContext, entry: Entry, edit: CastEdit): Proposal | Blocked {
  const plan = castPlan(context, edit);
  if (!plan.converted.has(entry)) return { reason: plan.reasons.get(entry) ?? 'it is not selected' };
  const beforeBytes = allConstantBytes(context.ws, entry);
  return { beforeBytes, apply: () => apply(context, entry, plan, beforeBytes) };
}

function apply(context: StepContext, entry: Entry, plan: CastPlan, beforeBytes: number) {
  const { ws } = context;
  const { original, scope } = entry;
  let saved = 0;
  const inputs = original.inputs.map((name, i) => {
    if (name === '' || staysFloat32(original.opType, i)) return name;
    if (plan.halves.has(name)) return halfName(context, name);
    const binding = ws.resolve(scope, name);
    if (binding.kind !== 'constant' || binding.isOverridable) return castInput(context, entry, name, plan);
    if (binding.tensor.dataType !== DataType.float) return name;
    saved += storedBytes(binding.tensor) / 2;
    return halfConstant(context, entry, name, binding);
  });
  const outputs = original.outputs.map((name) => (plan.halves.has(name) ? halfName(context, name) : name));
  const back = original.outputs
    .filter((name) => plan.alsoFloat32.has(name))
    .map((name) => castNode(context, halfName(context, name), name, DataType.float));
  ws.replace(entry, [{ ...original, inputs, outputs, range: undefined }, ...back]);
  for (const name of original.outputs) {
    if (plan.halves.has(name) && !plan.alsoFloat32.has(name)) scope.removed.add(name);
  }
  return { afterBytes: beforeBytes - saved, warnings: [] };
}

/** The name of the float16 value that stands for `name`, the same for all who ask. */
function halfName({ ws, made }: StepContext, name: string): string {
  const key = `float16\0${name}`;
  const known = made.get(key) as string | undefined;
  const half = known ?? ws.uniqueName(`${name}_float16`);
  made.set(key, half);
  return half;
}

/** A float32 value that no node of the plan gives: one Cast for all that need it. Other types stay as they are. */
function castInput(context: StepContext, entry: Entry, name: string, plan: CastPlan): string {
  if (!plan.float32Inputs.has(name)) return name;
  const node = context.ws.shareNode(entry.scope, `${name}\0float16`, entry, () =>
    castNode(context, name, halfName(context, name), DataType.float16),
  );
  return node.outputs[0] ?? name;
}

function castNode({ ws }: StepContext, from: string, to: string, type: number): Node {
  return makeNode('Cast', [from], [to], ws.uniqueNodeName(`${to}_Cast`), [intAttribute('to', type)]);
}

function halfConstant(
  context: StepContext,
  entry: Entry,
  name: string,
  binding: Binding & { readonly kind: 'constant' },
): string {
  const { ws } = context;
  const weight: Weight = { name, scope: binding.scope, tensor: binding.tensor, binding };
  const half = madeOnce(context, ['float16'], weight, () => {
    const source = { model: ws.model, tensor: binding.tensor, name: binding.name, node: entry.id };
    const made = float16Tensor(source, ws.uniqueName(`${binding.name}_float16`));
    ws.addInitializer(binding.scope, made);
    return made;
  });
  dropFloatWeight(context, entry, weight);
  return half.name;
}

/** The tensor in float16; its data are made when they are read. */
function float16Tensor(source: WeightSource, name: string): TensorRef {
  const { dims } = source.tensor;
  return {
    name,
    dataType: DataType.float16,
    dims,
    location: {
      kind: 'computed',
      byteLength: 2 * elementCount(dims),
      produce: (signal) => {
        const { parallel, run } = executor();
        return mapOrdered(valueChunks(source, signal), parallel, ({ values }) =>
          run('toFloat16', { values }),
        );
      },
    },
  };
}
