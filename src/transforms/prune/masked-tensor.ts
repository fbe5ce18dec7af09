/**
 * A weight with zeros chosen line by line: patterns like 2:4, Wanda, SparseGPT. Needs one weight in memory at a time,
 * up to a limit; the second moments for SparseGPT besides.
 */
import type { Calibration, CalibrationTarget, GramTarget } from '../../analysis/index.ts';
import { elementCount, readTensor, type OnnxError } from '../../onnx/index.ts';
import { attributeInt, DataType, type Node, type TensorRef } from '../../onnx/model.ts';
import { executor } from '../executor.ts';
import { hashText } from '../kernels/select.ts';
import { zerosOf } from '../kernels/sparse-gpt.ts';
import { turned } from '../kernels/transpose.ts';
import { patternOf, type PruneEdit, type SparsityPattern } from '../recipe/prune.ts';
import { computed } from '../weights/linear-tensors.ts';
import { convPatches } from './conv-patches.ts';
import { notSeen, seenAxis, seenRows, seenValue, type SeenBody } from './seen-body.ts';
import { withOriginal } from '../weights/original.ts';
import { notFinite, type WeightSource } from '../weights/stream.ts';

/** A weight of 512 MiB is held three times while its zeros are chosen. */
const MAX_WEIGHT_BYTES = 512 * 1024 * 1024;
/** Columns whose second moments are inverted: a matrix of 4608² float64 has 162 MiB. */
const MAX_COLUMNS = 4608;

/** How a weight lies: [lines, inputs, inner], the inputs being what is summed over. */
interface Layout {
  readonly lines: number;
  readonly inputs: number;
  readonly inner: number;
  /** Elements along a line that belong to one input channel: the kernel's size of a Conv. */
  readonly kernel: number;
}

/** Whether the edit needs the whole weight at once. */
export function needsWhole(edit: PruneEdit): boolean {
  return edit.pattern !== undefined || edit.method === 'wanda' || edit.method === 'sparsegpt';
}

/** Why this weight cannot be pruned this way; undefined where it can. */
export function maskObstacle(
  node: Node,
  input: number,
  tensor: TensorRef,
  edit: PruneEdit,
): string | undefined {
  if (tensor.dataType !== DataType.float)
    return 'its weight is not float32: prune by magnitude, without a pattern';
  if (4 * elementCount(tensor.dims) > MAX_WEIGHT_BYTES)
    return `its weight is larger than ${MAX_WEIGHT_BYTES / 1048576} MiB: prune by magnitude, without a pattern`;
  const layout = layoutOf(node, input, tensor.dims);
  if (layout === undefined)
    return `patterns and calibrated methods do not apply to the form of this ${node.opType}`;
  const pattern = patternOf(edit);
  if (pattern !== undefined && layout.inputs % pattern.of !== 0)
    return `its ${layout.inputs} inputs are no multiple of ${pattern.of}`;
  if (edit.method !== 'wanda' && edit.method !== 'sparsegpt') return undefined;
  if (!CALIBRATED.has(node.opType)) return `${edit.method} does not apply to ${node.opType}`;
  if (node.opType !== 'Conv' && tensor.dims.length !== 2) return 'its weight is no matrix';
  if (attributeInt(node, 'transA', 0) !== 0) return 'its input is transposed';
  const columns = layout.inputs * layout.kernel;
  const isTooWide = edit.method === 'sparsegpt' && columns > MAX_COLUMNS;
  return isTooWide ? `SparseGPT takes ${MAX_COLUMNS} inputs at most, not ${columns}` : undefined;
}

const CALIBRATED: ReadonlySet<string> = new Set(['MatMul', 'Gemm', 'Conv']);

/** What calibration must tell of the node's input. */
export function maskNeeds(
  node: Node,
  weight: TensorRef,
  edit: PruneEdit,
  seen: SeenBody | undefined,
): CalibrationTarget[] {
  const tensor = seenValue(node.inputs[0] ?? '', seen);
  if (edit.method === 'wanda') return [{ tensor, channelAxis: channelAxis(node, seen) }];
  return edit.method === 'sparsegpt' ? [{ tensor, gram: gramTarget(node, weight, seen) }] : [];
}

function channelAxis(node: Node, seen: SeenBody | undefined): number {
  return node.opType === 'Conv' ? seenAxis(1, seen) : -1;
}

function gramTarget(node: Node, weight: TensorRef, seen: SeenBody | undefined): GramTarget {
  return node.opType === 'Conv' ? seenRows(convPatches(node, weight), seen) : { kind: 'rows' };
}

/** Of a Conv: each sees its own inputs, `layout.inputs` of them. */
function groupsOf(node: Node): number {
  return node.opType === 'Conv' ? attributeInt(node, 'group', 1) : 1;
}

function layoutOf(node: Node, input: number, dims: readonly number[]): Layout | undefined {
  const axis = inputAxis(node, input, dims.length);
  const inputs = dims[axis];
  if (inputs === undefined) return undefined;
  const inner = elementCount(dims.slice(axis + 1));
  const kernel = node.opType === 'Conv' ? inner : 1;
  return { lines: elementCount(dims.slice(0, axis)), inputs, inner, kernel };
}

/** The dim of the weight that is summed over; -1 where it has none of its own. */
function inputAxis(node: Node, input: number, rank: number): number {
  switch (node.opType) {
    case 'MatMul':
      return rank - 2;
    case 'Gemm':
      return attributeInt(node, 'transB', 0) === 0 ? 0 : 1;
    case 'Conv':
      return 1;
    case 'ConvTranspose':
      return 0;
    default:
      return input === 1 || input === 2 ? 2 : -1;
  }
}

/** Elements that become zero; those that were before, and are not chosen, come on top. */
export function maskZeros(node: Node, input: number, { dims }: TensorRef, edit: PruneEdit): number {
  const layout = layoutOf(node, input, dims);
  if (layout === undefined) return 0;
  const count = elementCount(dims);
  const pattern = patternOf(edit);
  if (pattern !== undefined) return (count / pattern.of) * (pattern.of - pattern.keep);
  const size = layout.inputs * layout.kernel;
  const outputs = count / size;
  const groups = groupsOf(node);
  if (edit.method === 'sparsegpt')
    return groups * zerosOf({ size, outputs: outputs / groups, ratio: edit.ratio });
  return outputs * Math.round(edit.ratio * size);
}

export interface MaskPlan {
  readonly source: WeightSource;
  readonly node: Node;
  readonly input: number;
  readonly edit: PruneEdit;
  readonly calibration: Calibration | undefined;
  /** Where the node is; undefined for the main graph. */
  readonly seen: SeenBody | undefined;
}

export function maskedTensor(plan: MaskPlan, name: string): TensorRef {
  const { tensor } = plan.source;
  const { dataType, dims } = tensor;
  const location = computed(4 * elementCount(dims), (signal) => masked(plan, signal));
  return withOriginal({ name, dataType, dims, location }, tensor);
}

async function masked(plan: MaskPlan, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const { source, node, input, edit } = plan;
  const bytes = Uint8Array.from(await readTensor(source.model, source.tensor, { signal }));
  const values = new Float32Array(bytes.buffer);
  const bad = values.findIndex((v) => !Number.isFinite(v));
  if (bad >= 0) throw notFinite(source, bad);
  const layout = layoutOf(node, input, source.tensor.dims);
  if (layout === undefined) throw new RangeError(`no layout for ${node.opType}`);
  if (edit.method === 'sparsegpt') return new Uint8Array((await byGpt(plan, values, layout)).buffer);
  const scores = scoresOf(plan, values, layout);
  const pattern = patternOf(edit);
  if (pattern !== undefined) zeroPattern(values, scores, layout, pattern);
  else zeroPerOutput(values, scores, layout, Math.round(edit.ratio * layout.inputs * layout.kernel));
  return bytes;
}

function scoresOf(plan: MaskPlan, values: Float32Array, layout: Layout): Float32Array {
  const { source, node, edit, calibration, seen } = plan;
  if (edit.method === 'random') {
    const seed = hashText(source.name, edit.seed);
    return values.map((_, i) => hashText(String(i), seed));
  }
  if (edit.method === 'magnitude') return values.map(Math.abs);
  const input = seenValue(node.inputs[0] ?? '', seen);
  const moments = calibration?.statistics(input, channelAxis(node, seen))?.channels?.meanSquare;
  const groups = groupsOf(node);
  const { inputs, inner } = layout;
  if (moments?.length !== groups * inputs) throw noCalibration(plan, input);
  const norms = moments.map(Math.sqrt);
  const perGroup = values.length / groups;
  return values.map((v, i) => {
    const channel = Math.floor(i / perGroup) * inputs + (Math.floor(i / inner) % inputs);
    return Math.abs(v) * (norms[channel] ?? 0);
  });
}

/** Of each `of` neighbours along the inputs, the `keep` with the highest scores stay. */
function zeroPattern(
  values: Float32Array,
  scores: Float32Array,
  { lines, inputs, inner }: Layout,
  { keep, of }: SparsityPattern,
): void {
  for (let line = 0; line < lines * inner; line++) {
    const base = Math.floor(line / inner) * inputs * inner + (line % inner);
    for (let k = 0; k < inputs; k += of) {
      const group = Array.from({ length: of }, (_, i) => base + (k + i) * inner);
      group.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
      for (const at of group.slice(keep)) values[at] = 0;
    }
  }
}

/** `count` of the weights of each output go, those with the lowest scores. */
function zeroPerOutput(values: Float32Array, scores: Float32Array, layout: Layout, count: number): void {
  const { lines, inputs, inner, kernel } = layout;
  const outputs = kernel > 1 ? lines : lines * inner;
  const length = inputs * kernel;
  for (let o = 0; o < outputs; o++) {
    // [lines, inputs · kernel] in one piece, or [lines, inputs, inner] with an output for each of the last
    const isWhole = inner === kernel;
    const base = isWhole ? o * length : Math.floor(o / inner) * inputs * inner + (o % inner);
    const own = Array.from({ length }, (_, i) => base + i * (isWhole ? 1 : inner));
    own.sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0) || a - b);
    for (const at of own.slice(0, count)) values[at] = 0;
  }
}

async function byGpt(plan: MaskPlan, values: Float32Array, layout: Layout): Promise<Float32Array> {
  const { source, node, edit, calibration, seen } = plan;
  const input = seenValue(node.inputs[0] ?? '', seen);
  const gram = await calibration?.gram(input, gramTarget(node, source.tensor, seen));
  const { inputs, kernel, inner } = layout;
  const size = inputs * kernel;
  const groups = groupsOf(node);
  if (gram?.matrices.length !== groups || gram.size !== size) throw noCalibration(plan, input);
  // [inputs, outputs] of a MatMul is turned around, and back
  const isTurned = inner > 1 && kernel === 1;
  const pattern = patternOf(edit);
  // neighbours of a pattern are input channels: [inputs, kernel] is turned around, too, and back
  const order = pattern === undefined || kernel === 1 ? undefined : transposition(inputs, kernel);
  const outputs = values.length / size / groups;
  const back = order && transposition(kernel, inputs);
  const swapped = (of: Float32Array, rows: number, columns: number): Float32Array =>
    turned(of, new Float32Array(of.length), rows, columns);
  const result = new Float32Array(values.length);
  for (const [g, matrix] of gram.matrices.entries()) {
    const own = values.subarray(g * outputs * size, (g + 1) * outputs * size);
    const weights = isTurned ? swapped(own, size, outputs) : reordered(own, size, order);
    const square = order === undefined ? matrix : reorderedBothWays(matrix, size, order);
    const args = { gram: square, size, weights, outputs, ratio: edit.ratio, pattern };
    const found = await executor().run('sparseGpt', args);
    result.set(isTurned ? swapped(found, outputs, size) : reordered(found, size, back), g * outputs * size);
  }
  return result;
}

/** Where each element of [columns, rows] is in [rows, columns]. */
function transposition(rows: number, columns: number): Int32Array {
  return Int32Array.from({ length: rows * columns }, (_, i) => (i % rows) * columns + Math.floor(i / rows));
}

/** The elements of each row of `size` in that order; as they are without one. */
function reordered(values: Float32Array, size: number, order: Int32Array | undefined): Float32Array {
  if (order === undefined) return values;
  return values.map((_, i) => {
    const column = i % size;
    return values[i - column + (order[column] ?? 0)] ?? 0;
  });
}

/** [size, size]. */
function reorderedBothWays(matrix: Float32Array, size: number, order: Int32Array): Float32Array {
  return matrix.map(
    (_, i) => matrix[(order[Math.floor(i / size)] ?? 0) * size + (order[i % size] ?? 0)] ?? 0,
  );
}

function noCalibration({ source: { node, name }, calibration }: MaskPlan, input: string): OnnxError {
  const says = {
    missing: `pruning "${name}" this way needs calibration data for "${input}": run the model on samples first`,
    unreached: `no sample of the calibration data reaches "${input}": give other data, or choose another method`,
  };
  return notSeen(calibration, input, says, node);
}
