import assert from 'node:assert/strict';
import { runtimeOrder } from '../../../src/analysis/memory/order.ts';

describe('the order in which ONNX Runtime runs nodes', () => {
  const cases: readonly { name: string; producers: number[][]; order: number[] }[] = [
    { name: 'a chain keeps its order', producers: [[], [0], [1]], order: [0, 1, 2] },
    // 0 → 1 → 3, 0 → 2 → 3: the later branch first
    {
      name: 'of two branches the later one runs first',
      producers: [[], [0], [0], [1, 2]],
      order: [0, 2, 1, 3],
    },
    { name: 'the last output is computed first', producers: [[], [0], [0]], order: [0, 2, 1] },
    {
      name: 'a node out of place in the file is put after what it needs',
      producers: [[1], []],
      order: [1, 0],
    },
    { name: 'a cycle does not hang', producers: [[1], [0]], order: [0, 1] },
    { name: 'no node at all', producers: [], order: [] },
  ];
  for (const { name, producers, order } of cases)
    it(name, () => {
      assert.deepEqual(runtimeOrder(producers), order);
    });
});
