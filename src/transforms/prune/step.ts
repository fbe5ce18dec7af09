/** Prunes a layer: the elements of its weights (and bias) that are chosen become zero, in place. */
import type { Outcome, Proposal, StepContext } from '../context.ts';
import { elementCount } from '../../onnx/index.ts';
import { DataType, type Node, type TensorRef } from '../../onnx/model.ts';
import type { Entry } from '../graph/workspace.ts';
import type { PruneEdit, Warning } from '../recipe/recipe.ts';
import { findWeight, isBlocked, type Blocked, type Weight } from '../weights/find.ts';
import { storedBytes } from '../weights/stream.ts';
import { biasOperand, weightOperands, type Operand } from './operands.ts';
import { GlobalShare } from './global-share.ts';
import { maskedTensor, maskNeeds, maskObstacle, maskZeros, needsWhole } from './masked-tensor.ts';
import { seenBody } from './seen-body.ts';
import { sparseBytes, sparseForm, storageWarning } from './sparse-storage.ts';
import { PRUNABLE, zeroCount, zeroedTensor } from './zeroed-tensor.ts';

interface Target {
  readonly operand: Operand;
  readonly weight: Weight;
}

export function prune(context: StepContext, entry: Entry, edit: PruneEdit): Proposal | Blocked {
  const { ws } = context;
  const done = entry.quantizedBy;
  if (done !== undefined) {
    return {
      reason: `already quantized by edit ${done.edit + 1} (${done.form}): prune first, then quantize`,
    };
  }
  const targets: Target[] = [];
  for (const operand of weightOperands(entry)) {
    const weight = findWeight(ws, operand.entry, operand.input, operand.label, [...PRUNABLE.keys()]);
    if (isBlocked(weight)) return weight;
    targets.push({ operand, weight });
  }
  const bias = edit.bias ? biasOperand(ws, entry) : undefined;
  const biasWeight = bias && findWeight(ws, bias.entry, bias.input, 'bias', [...PRUNABLE.keys()]);
  if (biasWeight !== undefined && isBlocked(biasWeight)) return biasWeight;
  if (bias !== undefined && biasWeight !== undefined) targets.push({ operand: bias, weight: biasWeight });
  if (edit.scope === 'global' && targets.some((t) => t.weight.tensor.dataType !== DataType.float))
    return { reason: 'a global threshold compares float32 weights only' };
  const first = targets[0]?.weight.tensor;
  const obstacle = needsWhole(edit) ? wholeObstacle(context, entry, edit, targets) : undefined;
  if (obstacle !== undefined) return { reason: obstacle };
  const bytes = targets.reduce((sum, t) => sum + storedBytes(t.weight.tensor), 0);
  const seen = seenBody(entry.scope);
  const needs = needsWhole(edit) && first !== undefined ? maskNeeds(nodeOf(entry), first, edit, seen) : [];
  return { beforeBytes: bytes, apply: () => apply(context, entry, edit, targets), needs };
}

function nodeOf({ nodes, original }: Entry): Node {
  return nodes[0] ?? original;
}

/** Of the weights; biases are pruned by magnitude or at random in any case. */
function wholeObstacle(
  { ws }: StepContext,
  entry: Entry,
  edit: PruneEdit,
  targets: readonly Target[],
): string | undefined {
  const isCalibrated = edit.method === 'wanda' || edit.method === 'sparsegpt';
  if (isCalibrated && entry.scope !== ws.main && seenBody(entry.scope) === undefined)
    return 'it is inside a subgraph, where no calibration data are seen';
  for (const { operand, weight } of targets) {
    if (operand.label === 'bias') continue;
    const obstacle = maskObstacle(nodeOf(entry), operand.input, weight.tensor, edit);
    if (obstacle !== undefined) return obstacle;
  }
  return undefined;
}

/** The weight with zeros, under `name`. */
function pruned(
  context: StepContext,
  entry: Entry,
  edit: PruneEdit,
  { operand, weight }: Target,
  name: string,
): TensorRef {
  const { binding, tensor } = weight;
  const source = { model: context.ws.model, tensor, name: binding.name, node: entry.id };
  if (needsWhole(edit) && operand.label !== 'bias') {
    const { calibration } = context;
    const seen = seenBody(entry.scope);
    return maskedTensor({ source, node: nodeOf(entry), input: operand.input, edit, calibration, seen }, name);
  }
  const method = edit.method === 'random' ? 'random' : 'magnitude';
  if (edit.scope === 'global') return globalShare(context, edit.ratio).tensor(source, name);
  const count = zeroCount(tensor.dims, edit.ratio);
  return zeroedTensor({ source, method, count, seed: edit.seed }, name);
}

/** Since then there are sparse initializers. */
const SPARSE_IR_VERSION = 6;

/** Has the weight written sparsely where that is smaller. @returns its bytes in the file, where it is */
function store(
  { ws, made, edit: index }: StepContext,
  entry: Entry,
  edit: PruneEdit,
  { operand, weight }: Target,
  zeroed: TensorRef,
): number | undefined {
  if (edit.sparse !== true) return undefined;
  const { tensor, binding } = weight;
  const isWhole = needsWhole(edit) && operand.label !== 'bias';
  const zeros = isWhole
    ? maskZeros(nodeOf(entry), operand.input, tensor, edit)
    : zeroCount(tensor.dims, edit.ratio);
  const form = binding.scope === ws.main ? sparseForm(zeroed, elementCount(tensor.dims) - zeros) : undefined;
  const known = storedSoFar(made, index);
  made.set(storedKey(index), { stored: known.stored + (form === undefined ? 0 : 1), of: known.of + 1 });
  if (form === undefined) return undefined;
  ws.requireIrVersion(SPARSE_IR_VERSION);
  ws.sparse.set(zeroed, form);
  return sparseBytes(form);
}

const storedKey = (edit: number): string => `prune-sparse\0${edit}`;

function storedSoFar(made: StepContext['made'], edit: number): { stored: number; of: number } {
  return (made.get(storedKey(edit)) ?? { stored: 0, of: 0 }) as { stored: number; of: number };
}

const NO_DENSE_SAVING: Warning = {
  code: 'no-dense-saving',
  message:
    'pruned weights are zeros in tensors of the same shape: the file and the memory at run time stay as large as before',
};

/** What the edit does not save; once all of its layers are pruned. */
export function pruneWarnings({ made, edit: index }: StepContext, edit: PruneEdit): Warning[] {
  if (edit.sparse !== true) return [NO_DENSE_SAVING];
  const { stored, of } = storedSoFar(made, index);
  return [...(stored === 0 ? [NO_DENSE_SAVING] : []), storageWarning(stored, of)];
}

function globalShare({ made, edit }: StepContext, ratio: number): GlobalShare {
  const key = `prune-global\0${edit}`;
  const known = made.get(key) as GlobalShare | undefined;
  const share = known ?? new GlobalShare(ratio);
  if (known === undefined) made.set(key, share);
  return share;
}

function apply(context: StepContext, entry: Entry, edit: PruneEdit, targets: readonly Target[]): Outcome {
  const done = targets.map((t) => pruneTarget(context, entry, edit, t));
  return {
    afterBytes: done.reduce((sum, { bytes }) => sum + bytes, 0),
    warnings: done.flatMap(({ warnings }) => warnings),
  };
}

interface Pruned {
  readonly copy: string | undefined;
  /** In the file. */
  readonly bytes: number;
}

/** Prunes one constant: in place where only layers of this edit use it, else as a copy for them. */
function pruneTarget(
  context: StepContext,
  entry: Entry,
  edit: PruneEdit,
  target: Target,
): { readonly bytes: number; readonly warnings: readonly Warning[] } {
  const { ws, made } = context;
  const { operand, weight } = target;
  const { binding } = weight;
  const key = JSON.stringify(['prune', context.edit, ws.scopes.indexOf(binding.scope), binding.name]);
  const others = otherUsers(context, target);
  const known = made.get(key) as Pruned | undefined;
  const done = known ?? pruneConstant(context, entry, edit, target, others.length > 0);
  made.set(key, done);
  const { copy, bytes } = done;
  if (copy === undefined) return { bytes, warnings: [] };
  renameInput(context, operand, copy);
  if (ws.dropIfUnused(operand.entry.scope, weight.name)) return { bytes, warnings: [] };
  const message = `"${binding.name}" of ${entry.id} is copied before pruning: ${others.join(', ')} uses it too`;
  return { bytes, warnings: [{ code: 'shared-weight-copied', message, node: entry.id }] };
}

function pruneConstant(
  context: StepContext,
  entry: Entry,
  edit: PruneEdit,
  target: Target,
  isCopy: boolean,
): Pruned {
  const { ws } = context;
  const { binding, tensor } = target.weight;
  const copy = isCopy ? ws.uniqueName(`${binding.name}_pruned`) : undefined;
  const zeroed = pruned(context, entry, edit, target, copy ?? tensor.name);
  if (copy === undefined) ws.setConstant(binding, zeroed);
  else ws.addInitializer(binding.scope, zeroed);
  const bytes = store(context, entry, edit, target, zeroed) ?? storedBytes(tensor);
  return { copy, bytes };
}

/** Nodes, other than layers this edit prunes as well, that would see the pruned weight. */
function otherUsers({ ws, selected }: StepContext, { operand, weight }: Target): string[] {
  const { name, scope } = weight.binding;
  const users = ws.uses(scope, name).map((u) => u.entry);
  const others = users.filter((u) => u !== operand.entry && !selected.has(u)).map((u) => u.id);
  return ws.isGraphOutput(scope, name) ? [...others, 'a graph output'] : [...new Set(others)];
}

function renameInput({ ws }: StepContext, { entry, input }: Operand, name: string): void {
  ws.replace(
    entry,
    entry.nodes.map((node, i) =>
      i === 0
        ? { ...node, inputs: node.inputs.map((n, j) => (j === input ? name : n)), range: undefined }
        : node,
    ),
  );
}
