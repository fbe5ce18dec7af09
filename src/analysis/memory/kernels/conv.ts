/** Convolutions: room to expand the image into columns, and weights laid out for the integer kernels. */
import { attributeInt, attributeInts, DataType } from '../../../onnx/model.ts';
import { thisMachine } from '../../../machine.ts';
import type { Draft } from '../runtime.ts';
import { elemTypeOfValue } from '../values.ts';
import { constantDims, product } from './kernel.ts';
import type { Kernel, KernelContext, Packed, Scratch } from './kernel.ts';
import { packedInt8 } from './matmul.ts';

/** mlas: a segment of the expanded image per thread. */
const segmentBytes = 64 * 1024;
/** mlas: multiply-accumulates that are worth a thread. */
const threadComplexity = 64 * 1024;
const strideAlignment = 16;
const pointerBytes = 8;

/** MlasConvPrepare: none for a direct product, the whole expanded image where filters outnumber pixels, else segments. */
const conv: Scratch = (c) => {
  const [x, w, y] = [c.inputDims(0), c.inputDims(1), c.outputDims(0)];
  if (elemTypeOfValue(c.node.inputs[0]) !== DataType.float) return [];
  const group = attributeInt(c.node.node, 'group', 1);
  const kernel = product(w.slice(1));
  const pixels = product(y.slice(2));
  const filters = (w[0] ?? 0) / group;
  if (isDirect(c, x, w)) return [];
  if (filters > pixels) return [pixels * kernel * 4];
  const images = (x[0] ?? 1) * group;
  const threads =
    images > 1 ? Math.min(images, c.threads) : segments(filters * pixels * kernel, pixels, c.threads);
  return [threads * segmentBytes];
};

function isDirect(c: KernelContext, x: readonly number[], w: readonly number[]): boolean {
  if (!isUnit(c)) return false;
  if (w.slice(2).every((k) => k === 1)) return true;
  const [height, width] = [x[2], x[3]];
  const isPlane = x.length === 4 && all(c, 'dilations', 1) && w[1] === 1;
  return isPlane && (w[3] === width || (w[2] === height && w[3] === 1));
}

/** Neither stride nor padding. */
function isUnit(c: KernelContext): boolean {
  return all(c, 'strides', 1) && all(c, 'pads', 0);
}

function all(c: KernelContext, name: string, value: number): boolean {
  return (attributeInts(c.node.node, name) ?? []).every((v) => v === value);
}

function segments(complexity: number, pixels: number, threads: number): number {
  const wanted = Math.min(Math.floor(complexity / threadComplexity) + 1, threads);
  if (wanted <= 1) return 1;
  const stride = Math.ceil(Math.ceil(pixels / wanted) / strideAlignment) * strideAlignment;
  if (stride >= pixels) return 1;
  return stride * (wanted - 1) >= pixels ? wanted - 1 : wanted;
}

/** W is [C, M / group, k1, …]; the columns of one group at a time. */
const convTranspose: Kernel = {
  packing: (n) => {
    const w = constantDims(n, 1);
    return w === undefined ? [] : [{ input: 1, bytes: product(w) * 4, isChunk: true }];
  },
  scratch: (c) => [product(c.inputDims(1).slice(1)) * product(c.inputDims(0).slice(2)) * 4],
};

/** The expanded image, int8; a 1×1 kernel takes the image as it is. */
const convInteger: Scratch = (c) => {
  const w = c.inputDims(1);
  if (isUnit(c) && w.slice(2).every((k) => k === 1)) return [];
  return [product(w.slice(1)) * product(c.outputDims(0).slice(2))];
};

/**
 * Whether mlas has a symmetric kernel, which reads the image by pointers: unsigned data, signed weights, and channels
 * that fill its vectors (MlasConvSymPackWSize). A scale per channel does not matter.
 */
function isSymmetric(n: Draft, w: readonly number[]): boolean {
  const [x, weight] = [elemTypeOfValue(n.inputs[0]), elemTypeOfValue(n.inputs[3])];
  if (x !== DataType.uint8 || weight !== DataType.int8) return false;
  const [filters = 0, perGroup = 0] = w;
  if (isDepthwise(n, w)) return filters % 16 === 0;
  const unit = thisMachine().int8Filters;
  return (
    attributeInt(n.node, 'group', 1) === 1 && perGroup % 4 === 0 && filters >= 16 && filters % unit === 0
  );
}

function isDepthwise(n: Draft, [filters, perGroup]: readonly number[]): boolean {
  return perGroup === 1 && filters === attributeInt(n.node, 'group', 1);
}

/** Symmetric kernels allocate theirs as they allocate outputs; what is packed for products is reserved. */
function packedFilter(n: Draft, w: readonly number[]): Packed {
  const [filters = 0] = w;
  const kernel = product(w.slice(1));
  if (isSymmetric(n, w)) {
    const bytes = kernel * (isDepthwise(n, w) ? filters : Math.ceil(filters / 16) * 16);
    return { input: 3, bytes, isChunk: true };
  }
  if (isDepthwise(n, w)) return { input: 3, bytes: filters * kernel }; // only reordered
  const group = attributeInt(n.node, 'group', 1);
  return { input: 3, bytes: group * packedInt8(kernel, filters / group) };
}

const qLinearConv: Kernel = {
  packing: (n) => {
    const w = constantDims(n, 3);
    return w === undefined ? [] : [packedFilter(n, w)];
  },
  scratch: (c) => {
    const channelsLast = attributeInt(c.node.node, 'channels_last', 0) === 1;
    const [x, w, y] = [c.inputDims(0), c.inputDims(3), c.outputDims(0)];
    const [filters = 0, perGroup = 0, ...window] = w;
    const pixels = product(channelsLast ? y.slice(1, -1) : y.slice(2));
    // one image at a time, in channels-last order
    const turned = channelsLast ? [] : [product(x.slice(1)), filters * pixels];
    const kernel = product(window);
    const isPoint = kernel === 1 && isUnit(c);
    const pointers = isPoint ? [] : [kernel * pixels * pointerBytes];
    // the symmetric kernels point to the pixels of all images at once
    if (isSymmetric(c.node, w)) return [...turned, ...pointers.map((bytes) => bytes * (x[0] ?? 1))];
    const columns = isDepthwise(c.node, w) ? pointers : isPoint ? [] : [perGroup * kernel * pixels];
    return [filters * pixels * 4, ...turned, ...columns]; // in the order in which the kernel asks for them
  },
};

/** Columns, and for each of their pixels four neighbours with their weights. */
const deformConv: Scratch = (c) => {
  const [w, pixels] = [c.inputDims(1), product(c.outputDims(0).slice(2))];
  return [product(w.slice(1)) * pixels * 4, product(w.slice(2)) * pixels * 32];
};

export const convKernels: Readonly<Record<string, Kernel>> = {
  Conv: { scratch: conv },
  ConvTranspose: convTranspose,
  ConvInteger: { scratch: convInteger },
  DeformConv: { scratch: deformConv },
  QLinearConv: qLinearConv,
  'com.microsoft::QLinearConv': qLinearConv,
  'com.microsoft::FusedConv': { scratch: conv },
};
