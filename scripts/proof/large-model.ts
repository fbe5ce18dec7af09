/** A transformer's linear layers with random weights, of any size, written as a stream. */
import { DataType, saveModel, type TensorRef } from '../../src/onnx/index.ts';
import { graph, model, node, value } from '../../test/support/model-builder.ts';

/** Width of the hidden layer; a layer of the model has 12 · WIDTH² weights. */
const WIDTH = 2048;
const CHUNK_ELEMENTS = 2 ** 18;

/**
 * Blocks of attention-like and feed-forward MatMuls, [batch, 2048] → [batch, 2048], each with a residual and a
 * Tanh so that activations stay in range.
 * @param bytes about so many of float32 weights
 */
export async function writeLargeModel(path: string, bytes: number): Promise<void> {
  const layers = Math.max(1, Math.round(bytes / (4 * 12 * WIDTH * WIDTH)));
  const nodes = [];
  const initializers: TensorRef[] = [];
  let x = 'input';
  for (let layer = 0; layer < layers; layer++) {
    const linear = (name: string, input: string, rows: number, columns: number): string => {
      const id = `/layer.${layer}/${name}`;
      initializers.push(randomTensor(`layer.${layer}.${name}.weight`, [rows, columns], initializers.length));
      nodes.push(
        node('MatMul', [input, `layer.${layer}.${name}.weight`], [`${id}_out`], { name: `${id}/MatMul` }),
      );
      return `${id}_out`;
    };
    const heads = ['query', 'key', 'value'].map((name) => linear(name, x, WIDTH, WIDTH));
    nodes.push(node('Sum', heads, [`/layer.${layer}/sum`], { name: `/layer.${layer}/Sum` }));
    const attended = linear('output', `/layer.${layer}/sum`, WIDTH, WIDTH);
    const up = linear('up', attended, WIDTH, 4 * WIDTH);
    nodes.push(node('Tanh', [up], [`${up}_tanh`], { name: `/layer.${layer}/Tanh` }));
    const down = linear('down', `${up}_tanh`, 4 * WIDTH, WIDTH);
    const next = layer === layers - 1 ? 'output' : `/layer.${layer}/out`;
    nodes.push(node('Add', [x, down], [next], { name: `/layer.${layer}/Add` }));
    x = next;
  }
  const dims = ['batch', WIDTH];
  const large = model(
    graph({ inputs: [value('input', dims)], outputs: [value('output', dims)], nodes, initializers }),
  );
  await saveModel(large, path);
}

/** Values of about a normal distribution with standard deviation 1 / sqrt(rows), the same for the same seed. */
export function randomTensor(name: string, dims: readonly [number, number], seed: number): TensorRef {
  const count = dims[0] * dims[1];
  return {
    name,
    dataType: DataType.float,
    dims,
    location: {
      kind: 'computed',
      byteLength: 4 * count,
      produce: async function* () {
        await Promise.resolve();
        let state = (seed * 0x9e3779b9 + 1) >>> 0;
        const uniform = () => {
          state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
          return state / 2 ** 32;
        };
        const deviation = Math.sqrt(3 / dims[0]);
        for (let done = 0; done < count; done += CHUNK_ELEMENTS) {
          const values = new Float32Array(Math.min(CHUNK_ELEMENTS, count - done));
          // the sum of four uniform numbers, variance 4/12
          for (let i = 0; i < values.length; i++) {
            values[i] = deviation * (uniform() + uniform() + uniform() + uniform() - 2);
          }
          yield new Uint8Array(values.buffer);
        }
      },
    },
  };
}
