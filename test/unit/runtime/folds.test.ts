/** Which fold a row is of: a sample's rows stay together, however the data are cut into batches. */
import assert from 'node:assert/strict';
import type { GramTarget } from '../../../src/analysis/calibration.ts';
import { foldOfRow } from '../../../src/runtime/calibrate/folds.ts';

const rows: GramTarget = { kind: 'rows' };
const images = (turns?: number): GramTarget => ({
  ...{ kind: 'patches', kernel: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] },
  ...{ groups: 1, turns },
});

describe('folds', () => {
  const cases: readonly {
    readonly title: string;
    readonly dims: readonly number[];
    readonly target: GramTarget;
    readonly count: number;
    readonly first?: number;
    readonly samples?: number;
    readonly found: readonly number[];
  }[] = [
    { title: 'samples in turn', dims: [5, 3], target: rows, count: 5, found: [0, 1, 2, 0, 1] },
    { title: 'from the batch before on', dims: [3, 3], target: rows, count: 3, first: 4, found: [1, 2, 0] },
    { title: 'tokens with their text', dims: [2, 3, 7], target: rows, count: 2, found: [0, 0, 0, 1, 1, 1] },
    {
      title: 'heads before them',
      dims: [6, 2, 7],
      target: rows,
      count: 3,
      found: [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2],
    },
    { title: 'texts behind the tokens', dims: [3, 2, 7], target: rows, count: 2, found: [0, 1, 0, 1, 0, 1] },
    {
      title: 'places with their image',
      dims: [2, 4, 1, 3],
      target: images(),
      count: 2,
      found: [0, 0, 0, 1, 1, 1],
    },
    {
      title: 'turns before the batch',
      dims: [2, 3, 4, 1, 1],
      target: images(1),
      count: 3,
      found: [0, 1, 2, 0, 1, 2],
    },
    { title: 'fewer samples than folds', dims: [2, 3], target: rows, count: 2, samples: 2, found: [0, 1] },
    {
      title: 'pieces of the only one',
      dims: [1, 6, 7],
      target: rows,
      count: 1,
      samples: 1,
      found: [0, 0, 1, 1, 2, 2],
    },
  ];
  for (const { title, dims, target, count, first = 0, samples = 9, found } of cases)
    it(title, () => {
      const fold = foldOfRow(dims, target, found.length, { folds: 3, samples, count, first });
      assert.deepEqual(
        found.map((_, row) => fold(row)),
        found,
      );
    });

  it('are the same however the data are cut into batches', () => {
    const of = (first: number, count: number) => {
      const fold = foldOfRow([count, 2, 4], rows, 2 * count, { folds: 3, samples: 10, count, first });
      return Array.from({ length: 2 * count }, (_, row) => fold(row));
    };
    for (const at of [1, 3, 4, 9]) assert.deepEqual([...of(0, at), ...of(at, 10 - at)], of(0, 10));
  });
});
