/**
 * The tiny model that shows whether an EP works: y = x·W + b, [2, 4] · [4, 3] + [3], all float32, with numbers that
 * float16 holds exactly, so that any EP must give exactly the expected answer.
 */
import { initializer, node, tinyModel, value } from './tiny-model.ts';

export const probeInput = { dims: [2, 4], values: [1, 2, 3, 4, -1, 0.5, 0, 2] } as const;
const weights = { dims: [4, 3], values: [1, 0, -1, 2, 1, 0, 0.5, -2, 1, 1, 1, 1] } as const;
const bias = { dims: [3], values: [10, 20, 30] } as const;

/** x·W + b, by plain arithmetic. */
export function probeAnswer(): number[] {
  const answer: number[] = [];
  for (let row = 0; row < 2; row++) {
    for (let column = 0; column < 3; column++) {
      let sum = bias.values[column] ?? 0;
      for (let k = 0; k < 4; k++) {
        sum += (probeInput.values[row * 4 + k] ?? 0) * (weights.values[k * 3 + column] ?? 0);
      }
      answer.push(sum);
    }
  }
  return answer;
}

export function probeModel(): Uint8Array {
  return tinyModel((g) => {
    node(g, 'MatMul', ['x', 'W'], 'xW');
    node(g, 'Add', ['xW', 'b'], 'y');
    initializer(g, 'W', weights.dims, weights.values);
    initializer(g, 'b', bias.dims, bias.values);
    value(g, 'input', 'x', probeInput.dims);
    value(g, 'output', 'y', [2, 3]);
  });
}

/** y = x·x for x [size, size]: enough work to tell a GPU from a software rasteriser. */
export function speedModel(size: number): Uint8Array {
  return tinyModel((g) => {
    node(g, 'MatMul', ['x', 'x'], 'y');
    value(g, 'input', 'x', [size, size]);
    value(g, 'output', 'y', [size, size]);
  });
}
