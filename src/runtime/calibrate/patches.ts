/**
 * The rows that a weight is multiplied by, laid out as [groups, rows, size]: the last axis of a MatMul's input, or the
 * patches under a Conv's kernel (im2col), in parts of a bounded size.
 *
 *     for (const { data, rows } of rowParts(values, [8, 64, 14, 14], patches, options)) …
 *     // 3×3 kernel: size 64·9, rows up to 8·14·14 in all
 */
import type { GramTarget } from '../../analysis/calibration.ts';

type Patches = Extract<GramTarget, { kind: 'patches' }>;

export interface GramShape {
  readonly groups: number;
  /** Columns: K, or channels / groups · kernel size. */
  readonly size: number;
  /** Rows in a tensor of these dims. */
  readonly rows: number;
}

export interface RowPart {
  /** [groups, rows, size]; size + 1 with `ones`. */
  readonly data: Float32Array<ArrayBuffer>;
  readonly rows: number;
  /** Which of the tensor's rows. */
  readonly taken: readonly number[];
}

export interface PartOptions {
  /** Elements of one part at most, but always one row. */
  readonly maxElements: number;
  /** One row of so many only, spread so that it keeps no step with the width of an image. */
  readonly step: number;
  /** Rows of the batches before, so that what is taken does not depend on how the data are cut into batches. Default 0. */
  readonly firstRow?: number | undefined;
  /** Of those, only rows of which this is true. */
  readonly only?: ((row: number) => boolean) | undefined;
  /** Whether a column of ones comes behind the others. */
  readonly ones?: boolean | undefined;
}

/** RangeError where a tensor of these dims cannot be what the target says. */
export function gramShape(given: readonly number[], target: GramTarget): GramShape {
  const dims = asImages(given, target);
  if (target.kind === 'rows') {
    const size = dims.at(-1) ?? 1;
    return { groups: 1, size, rows: product(dims.slice(0, -1)) };
  }
  const channels = dims[1] ?? 0;
  if (dims.length !== target.kernel.length + 2 || channels % target.groups !== 0) {
    throw new RangeError(
      `shape [${dims.join(', ')}] cannot be the input of a convolution with kernel [${target.kernel.join(', ')}] and ${target.groups} groups`,
    );
  }
  const rows = (dims[0] ?? 0) * product(outputSizes(dims, target));
  return { groups: target.groups, size: (channels / target.groups) * product(target.kernel), rows };
}

/** Turns and batch as one axis. */
function asImages(dims: readonly number[], target: GramTarget): readonly number[] {
  const { turns = 0 } = target.kind === 'patches' ? target : {};
  return turns === 0 ? dims : [product(dims.slice(0, turns + 1)), ...dims.slice(turns + 1)];
}

export function* rowParts(
  values: ArrayLike<number>,
  given: readonly number[],
  target: GramTarget,
  options: PartOptions,
): Generator<RowPart> {
  const shape = gramShape(given, target);
  const dims = asImages(given, target);
  const { groups, size } = shape;
  const { only, ones = false } = options;
  const all = takenRows(shape.rows, options);
  const taken = only === undefined ? all : all.filter(only);
  const width = ones ? size + 1 : size;
  const capacity = Math.max(1, Math.min(taken.length, Math.floor(options.maxElements / (groups * width))));
  const copy = target.kind === 'rows' ? rowCopier(values, size) : patchCopier(values, dims, target);
  for (let start = 0; start < taken.length; start += capacity) {
    const part = taken.slice(start, start + capacity);
    const data = new Float32Array(groups * part.length * width);
    for (const [r, row] of part.entries())
      for (let g = 0; g < groups; g++) {
        const at = (g * part.length + r) * width;
        copy(row, g, data, at);
        if (ones) data[at + size] = 1;
      }
    yield { data, rows: part.length, taken: part };
  }
}

/** Of a batch's rows, those that are taken: one in each `step` of all batches' rows. */
function takenRows(rows: number, { step, firstRow = 0 }: PartOptions): number[] {
  const taken: number[] = [];
  for (let index = Math.floor(firstRow / step); index * step < firstRow + rows; index++) {
    const row = spreadRow(index, step) - firstRow;
    if (row >= 0 && row < rows) taken.push(row);
  }
  return taken;
}

/** The golden ratio's multiples are spread evenly, and fall into no period. */
function spreadRow(index: number, step: number): number {
  return index * step + Math.floor(((index * 0.6180339887498949) % 1) * step);
}

/** Writes one row of one group at `at`. */
type CopyRow = (row: number, group: number, out: Float32Array, at: number) => void;

function rowCopier(values: ArrayLike<number>, size: number): CopyRow {
  return (row, _group, out, at) => {
    const from = row * size;
    for (let i = 0; i < size; i++) out[at + i] = values[from + i] as number;
  };
}

function patchCopier(values: ArrayLike<number>, dims: readonly number[], target: Patches): CopyRow {
  const [, channels = 1] = dims;
  const spatial = dims.slice(2);
  const plane = product(spatial);
  const perGroup = channels / target.groups;
  const output = outputSizes(dims, target);
  const pixels = product(output);
  const kernelSize = product(target.kernel);
  // where each position of the kernel lies in a channel for the pixel last asked for; −1 in the padding
  const offsets = new Int32Array(kernelSize);
  let pixelOfOffsets = -1;
  return (row, group, out, at) => {
    const pixel = row % pixels;
    if (pixel !== pixelOfOffsets) {
      fillOffsets(offsets, pixel, { spatial, output, target });
      pixelOfOffsets = pixel;
    }
    const base = (Math.floor(row / pixels) * channels + group * perGroup) * plane;
    let to = at;
    for (let c = 0; c < perGroup; c++) {
      const from = base + c * plane;
      for (let k = 0; k < kernelSize; k++) {
        const offset = offsets[k] as number;
        out[to++] = offset < 0 ? 0 : (values[from + offset] as number);
      }
    }
  };
}

function fillOffsets(
  offsets: Int32Array,
  pixel: number,
  { spatial, output, target }: { spatial: readonly number[]; output: readonly number[]; target: Patches },
): void {
  const { kernel, strides, dilations } = target;
  const pads = padsOf(spatial, target);
  offsets.fill(0);
  let inputStride = 1;
  let pixelRest = pixel;
  let kernelStride = 1;
  for (let axis = spatial.length - 1; axis >= 0; axis--) {
    const size = spatial[axis] ?? 1;
    const steps = kernel[axis] ?? 1;
    const place = pixelRest % (output[axis] ?? 1);
    pixelRest = Math.floor(pixelRest / (output[axis] ?? 1));
    const begin = place * (strides[axis] ?? 1) - (pads[axis] ?? 0);
    for (let k = 0; k < offsets.length; k++) {
      const before = offsets[k] ?? -1;
      const at = begin + (Math.floor(k / kernelStride) % steps) * (dilations[axis] ?? 1);
      offsets[k] = before < 0 || at < 0 || at >= size ? -1 : before + at * inputStride;
    }
    inputStride *= size;
    kernelStride *= steps;
  }
}

function outputSizes(dims: readonly number[], target: Patches): number[] {
  const { kernel, strides, dilations } = target;
  const pads = padsOf(dims.slice(2), target);
  return kernel.map((k, axis) => {
    const padded = (dims[axis + 2] ?? 0) + (pads[axis] ?? 0) + (pads[axis + kernel.length] ?? 0);
    const span = (dilations[axis] ?? 1) * (k - 1) + 1;
    return Math.max(0, Math.floor((padded - span) / (strides[axis] ?? 1)) + 1);
  });
}

/** Begins, then ends. SAME: as many outputs as strides begin in the input, an odd pad at its end (UPPER) or begin. */
function padsOf(
  spatial: readonly number[],
  { kernel, strides, dilations, pads }: Patches,
): readonly number[] {
  if (typeof pads !== 'string') return pads;
  const totals = kernel.map((k, axis) => {
    const [size, stride] = [spatial[axis] ?? 1, strides[axis] ?? 1];
    const span = (dilations[axis] ?? 1) * (k - 1) + 1;
    return Math.max(0, (Math.ceil(size / stride) - 1) * stride + span - size);
  });
  const less = totals.map((t) => Math.floor(t / 2));
  const more = totals.map((t) => Math.ceil(t / 2));
  return pads === 'SAME_UPPER' ? [...less, ...more] : [...more, ...less];
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}
