import assert from 'node:assert/strict';
import { byTensor } from '../../../src/runtime/calibrate/keys.ts';
import { planPasses } from '../../../src/runtime/calibrate/passes.ts';
import { graph, model, node, value } from '../../support/model-builder.ts';

/** Six values of 4,096 bytes for each sample, one made from the other. */
const chain = model(
  graph({
    inputs: [value('v0', ['batch', 32, 32])],
    outputs: [value('v5', ['batch', 32, 32])],
    nodes: [1, 2, 3, 4, 5].map((i) => node('Relu', [`v${i - 1}`], [`v${i}`])),
  }),
);
const names = [0, 1, 2, 3, 4, 5].map((i) => `v${i}`);
/** Of [32, 32], and its successor: 8,192 bytes. */
const matrix = { gram: { kind: 'rows' } } as const;

function passes(batch: number, limits: { valueBytes: number; matrixBytes: number }, extra = {}): number[] {
  const targets = byTensor(names.map((tensor) => ({ tensor, ...extra })));
  return planPasses(chain, targets, { batch }, limits).map((pass) => pass.length);
}

describe('passes over calibration data', () => {
  const CASES: readonly [string, number[], number[]][] = [
    ['all values of a batch in one', passes(1, { valueBytes: 6 * 4096, matrixBytes: 0 }), [6]],
    ['as many as fit', passes(1, { valueBytes: 2.5 * 4096, matrixBytes: 0 }), [2, 2, 2]],
    ['fewer of larger batches', passes(2, { valueBytes: 2.5 * 4096, matrixBytes: 0 }), [1, 1, 1, 1, 1, 1]],
    ['one that is too large by itself', passes(1, { valueBytes: 1, matrixBytes: 0 }), [1, 1, 1, 1, 1, 1]],
    ['matrices beside the values', passes(1, { valueBytes: 6 * 4096, matrixBytes: 6 * 8192 }, matrix), [6]],
    ['as many matrices as fit', passes(1, { valueBytes: 6 * 4096, matrixBytes: 4 * 8192 }, matrix), [4, 2]],
  ];
  for (const [title, found, wanted] of CASES) {
    it(title, () => {
      assert.deepEqual(found, wanted);
    });
  }
});
