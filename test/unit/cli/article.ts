/** The network of the article the project grew from: Linear 1000 → 100, ReLU, Linear 100 → 10. */
import { npy, npz } from '../runtime/numpy-files.ts';
import { floats, graph, model, node, value } from '../../support/model-builder.ts';
import type { Model } from '../../../src/onnx/index.ts';

/** Numbers in −1..1 that look random and are always the same: the fractional parts of a large sine. */
function noise(count: number, seed: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const x = Math.sin((i + 1) * 12.9898 + seed * 78.233) * 43758.5453;
    return Math.fround((x - Math.floor(x)) * 2 - 1);
  });
}

const [inputs, hidden, classes] = [1000, 100, 10];
/** As PyTorch's Linear begins: uniform in ±1/√inputs. */
const scaled = (values: number[], fanIn: number) => values.map((v) => Math.fround(v / Math.sqrt(fanIn)));
const w1 = scaled(noise(hidden * inputs, 1), inputs);
const b1 = scaled(noise(hidden, 2), inputs);
const w2 = scaled(noise(classes * hidden, 3), hidden);
const b2 = scaled(noise(classes, 4), hidden);

export const parameters = hidden * inputs + hidden + classes * hidden + classes;

/** `batch`: a name, or a number that the file fixes. */
export function articleModel(batch: string | number = 'batch'): Model {
  return model(
    graph({
      inputs: [value('x', [batch, inputs])],
      nodes: [
        node('Gemm', ['x', 'fc1.weight', 'fc1.bias'], ['h'], { name: '/fc1/Gemm', transB: 1 }),
        node('Relu', ['h'], ['a'], { name: '/relu/Relu' }),
        node('Gemm', ['a', 'fc2.weight', 'fc2.bias'], ['y'], { name: '/fc2/Gemm', transB: 1 }),
      ],
      outputs: [value('y', [batch, classes])],
      initializers: [
        floats('fc1.weight', [hidden, inputs], w1),
        floats('fc1.bias', [hidden], b1),
        floats('fc2.weight', [classes, hidden], w2),
        floats('fc2.bias', [classes], b2),
      ],
    }),
  );
}

function linear(x: readonly number[], weights: readonly number[], bias: readonly number[]): number[] {
  return bias.map((b, row) => x.reduce((sum, v, i) => sum + v * (weights[row * x.length + i] ?? 0), b));
}

/** Samples with the network's own answers as labels, by plain arithmetic: its accuracy on them is 1. */
export function articleData(samples: number): Uint8Array {
  const x = noise(samples * inputs, 5);
  const labels = Array.from({ length: samples }, (_, s) => {
    const h = linear(x.slice(s * inputs, (s + 1) * inputs), w1, b1).map((v) => Math.max(0, v));
    const y = linear(h, w2, b2);
    return BigInt(y.indexOf(Math.max(...y)));
  });
  return npz({
    x: npy(Float32Array.from(x), { shape: [samples, inputs] }),
    labels: npy(BigInt64Array.from(labels), { descr: '<i8', shape: [samples] }),
  });
}
