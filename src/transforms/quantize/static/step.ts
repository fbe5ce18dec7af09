/** Static quantization of one node, by the plan of its edit. */
import { tensorByteLength } from '../../../onnx/index.ts';
import type { CalibrationTarget } from '../../../analysis/index.ts';
import type { Outcome, Proposal, StepContext } from '../../context.ts';
import type { Entry } from '../../graph/workspace.ts';
import type { StaticEdit } from '../../recipe/static.ts';
import { allConstantBytes, type Blocked } from '../../weights/find.ts';
import { constantBytesAfter } from './constants.ts';
import { finishValues } from './finish.ts';
import { layerBytes, layerRoundings, layerTensors } from './layer.ts';
import { neededOpset, staticPlan, type NodePlan, type StaticPlan } from './plan.ts';
import { qdqNode } from './qdq.ts';
import { applySmoothing } from './smooth-nodes.ts';
import { integerNode } from './qoperator.ts';
import { quantizedValue, quantizedValues, targetOf, type QuantizedValue } from './values.ts';

export function staticStep(context: StepContext, entry: Entry, edit: StaticEdit): Proposal | Blocked {
  const plan = staticPlan(context, edit);
  const node = plan.nodes.get(entry);
  if (node === undefined) return { reason: plan.reasons.get(entry) ?? 'it is not selected' };
  const bytes = bytesOf(context, entry, edit, node);
  return {
    beforeBytes: bytes.before,
    needs: needsOf(plan, node, edit),
    roundings: node.layer === undefined ? undefined : layerRoundings(context, entry, edit, node.layer),
    apply: () => apply(context, entry, edit, plan, node, bytes.after),
  };
}

function bytesOf({ ws }: StepContext, entry: Entry, edit: StaticEdit, node: NodePlan) {
  if (node.isFolded === true) return { before: allConstantBytes(ws, entry), after: 0 };
  if (node.layer !== undefined) return layerBytes(node.layer);
  const constants = node.operands.flatMap((o) => (o.kind === 'constant' ? [o.weight] : []));
  return {
    before: constants.reduce((sum, w) => sum + tensorByteLength(w.tensor), 0),
    after: constants.reduce((sum, w) => sum + constantBytesAfter(w, edit), 0),
  };
}

/** For the values that it takes and gives as integers, and for its bias. */
function needsOf(
  { renamed, values }: StaticPlan,
  { operands, outputs, layer }: NodePlan,
  edit: StaticEdit,
): CalibrationTarget[] {
  const taken = operands.flatMap((o) => (o.kind === 'value' ? [o.name] : []));
  const names = new Set([...taken, ...outputs.map((o) => renamed.get(o) ?? o)]);
  const ranges = [...names].flatMap((name) => targetOf(values.get(name), edit));
  return layer?.mean === undefined ? ranges : [...ranges, layer.mean.target];
}

function apply(
  context: StepContext,
  entry: Entry,
  edit: StaticEdit,
  plan: StaticPlan,
  node: NodePlan,
  afterBytes: number,
): Outcome {
  const { ws } = context;
  entry.quantizedBy = { edit: context.edit, form: edit.form };
  ws.requireOpset(Math.max(neededOpset(edit), node.opset ?? 0));
  finishOnce(context);
  if (node.isFolded === true) {
    const [input = ''] = entry.original.inputs;
    ws.replace(entry, []);
    entry.scope.removed.add(input);
    return { afterBytes, warnings: [] };
  }
  const smoothing = plan.smoothings.get(entry);
  if (smoothing !== undefined) applySmoothing(context, entry, smoothing);
  const valueOf = (name: string): QuantizedValue => quantizedValue(context, edit, plan.values, name);
  const layer = node.layer && layerTensors(context, entry, edit, node.layer, valueOf(node.layer.activation));
  const [current = entry.original] = entry.nodes;
  const outputs = current.outputs.map((o) => plan.renamed.get(o) ?? o);
  for (const o of node.outputs) valueOf(plan.renamed.get(o) ?? o).giver = entry;
  const emission = { context, entry, edit, plan: node, node: current, outputs, layer, valueOf };
  ws.replace(entry, [edit.format === 'qdq' ? qdqNode(emission) : integerNode(emission)]);
  return { afterBytes, warnings: [] };
}

/** Values are finished once it is known who takes them as integers and who as floats. */
function finishOnce(context: StepContext): void {
  const shared = quantizedValues(context);
  if (shared.isFinishing) return;
  shared.isFinishing = true;
  context.atEnd.push(() => {
    finishValues(context.ws, [...shared.values.values()]);
    return [];
  });
}
