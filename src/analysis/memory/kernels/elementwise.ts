/** Kernels that go by way of intermediate tensors of their output's size or their input's. */
import { attributeInt, attributeInts, attributeString } from '../../../onnx/model.ts';
import { product } from './kernel.ts';
import type { Kernel, Scratch } from './kernel.ts';

/** Over another axis than the last: turned, computed, turned back. Before opset 13 the rest is one axis. */
const softmax: Scratch = (c) => {
  const dims = c.inputDims(0);
  const axis = attributeInt(c.node.node, 'axis', -1);
  const isLast = (axis < 0 ? axis + dims.length : axis) === dims.length - 1;
  return c.node.source.version < 13 || isLast ? [] : [c.outputBytes(0), c.outputBytes(0)];
};

/** Two at a time: what three or more inputs come to on the way. */
const variadic: Scratch = (c) => (c.node.inputs.length > 2 ? [c.outputBytes(0)] : []);

/** Each branch spread over the condition, then both merged. */
const where: Scratch = (c) => {
  const element = c.outputBytes(0) / Math.max(1, product(c.outputDims(0)));
  return [1, 2].map((i) => product(broadcast(c.inputDims(0), c.inputDims(i))) * element);
};

function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) =>
    Math.max(a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1),
  );
}

/** Channels first, unless they are not reduced over. */
const meanVariance: Scratch = (c) => {
  const axes = attributeInts(c.node.node, 'axes') ?? [0, 2, 3];
  return axes.includes(0) ? [c.outputBytes(0), c.outputBytes(0)] : [];
};

/** Squares of one image with `size − 1` channels of padding, and the scale of every element. */
const localResponse: Scratch = (c) => {
  const [, channels = 0, ...plane] = c.inputDims(0);
  const padded = channels + attributeInt(c.node.node, 'size', 1) - 1;
  return [padded * product(plane) * 4, c.outputBytes(0)];
};

/** Where each output row and column comes from. */
const resize: Scratch = (c) => {
  if (attributeString(c.node.node, 'mode') !== 'linear') return [];
  const [from, to] = [c.inputDims(0), c.outputDims(0)];
  const scaled = to.filter((d, i) => d !== from[i]);
  return [scaled.reduce((sum, d) => sum + d, 0) * (scaled.length > 2 ? 24 : 16)];
};

const biased: Scratch = (c) => (c.node.inputs[1] ? [c.outputBytes(0)] : []);

/** The product's operands laid out for it, and the product before its axes are put in order. */
const einsum: Scratch = (c) => {
  const [left = '', right = ''] = (attributeString(c.node.node, 'equation') ?? '')
    .replaceAll(' ', '')
    .split('->');
  const [a = '', b = ''] = left.split(',');
  if (b === '') return [];
  const last = b.at(-1) ?? '';
  const turnsA = a.includes(last) && !right.includes(last);
  return [c.outputBytes(0), c.inputBytes(1), ...(turnsA ? [c.inputBytes(0)] : [])];
};

export const elementwiseKernels: Readonly<Record<string, Kernel>> = {
  Softmax: { scratch: softmax },
  LogSoftmax: { scratch: softmax },
  Hardmax: { scratch: softmax },
  Sum: { scratch: variadic },
  Mean: { scratch: variadic },
  Max: { scratch: variadic },
  Min: { scratch: variadic },
  Where: { scratch: where },
  MeanVarianceNormalization: { scratch: meanVariance },
  LRN: { scratch: localResponse },
  Resize: { scratch: resize },
  Upsample: { scratch: resize },
  Einsum: { scratch: einsum },
  'com.microsoft::BiasGelu': { scratch: biased },
  'com.microsoft::FastGelu': { scratch: biased },
};
