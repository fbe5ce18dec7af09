/** The rows that a weight is multiplied by, by small cases. */
import assert from 'node:assert/strict';
import type { GramTarget } from '../../../src/analysis/calibration.ts';
import { rowParts } from '../../../src/runtime/calibrate/patches.ts';

describe('rows for second moments', () => {
  const patches = (more: Partial<Extract<GramTarget, { kind: 'patches' }>>): GramTarget => ({
    kind: 'patches',
    kernel: [2, 2],
    strides: [1, 1],
    dilations: [1, 1],
    pads: [0, 0, 0, 0],
    groups: 1,
    ...more,
  });
  // 0 1 2
  // 3 4 5
  // 6 7 8
  const image = [...Array(9).keys()];
  const cases: readonly {
    readonly title: string;
    readonly target: GramTarget;
    readonly dims: readonly number[];
    readonly values: readonly number[];
    readonly rows: readonly (readonly number[])[];
  }[] = [
    {
      title: 'the last axis',
      target: { kind: 'rows' },
      dims: [1, 2, 2],
      values: [1, 2, 3, 4],
      rows: [
        [1, 2],
        [3, 4],
      ],
    },
    {
      title: 'patches of one channel',
      target: patches({}),
      dims: [1, 1, 3, 3],
      values: image,
      rows: [
        [0, 1, 3, 4],
        [1, 2, 4, 5],
        [3, 4, 6, 7],
        [4, 5, 7, 8],
      ],
    },
    {
      title: 'with pads before and a stride',
      target: patches({ pads: [1, 1, 0, 0], strides: [2, 2] }),
      dims: [1, 1, 3, 3],
      values: image,
      rows: [
        [0, 0, 0, 0],
        [0, 0, 1, 2],
        [0, 3, 0, 6],
        [4, 5, 7, 8],
      ],
    },
    {
      title: 'padded to as many as there are, more of it behind',
      target: patches({ pads: 'SAME_UPPER' }),
      dims: [1, 1, 2, 2],
      values: [1, 2, 3, 4],
      rows: [
        [1, 2, 3, 4],
        [2, 0, 4, 0],
        [3, 4, 0, 0],
        [4, 0, 0, 0],
      ],
    },
    {
      title: 'padded so, more of it before, with a stride',
      target: patches({ kernel: [3], strides: [2], dilations: [1], pads: 'SAME_LOWER' }),
      dims: [1, 1, 4],
      values: [1, 2, 3, 4],
      rows: [
        [0, 1, 2],
        [2, 3, 4],
      ],
    },
    {
      title: 'dilated',
      target: patches({ dilations: [2, 2] }),
      dims: [1, 1, 3, 3],
      values: image,
      rows: [[0, 2, 6, 8]],
    },
    {
      title: 'of one dimension, two channels after one another',
      target: patches({ kernel: [2], strides: [1], dilations: [1], pads: [0, 0] }),
      dims: [1, 2, 3],
      values: [1, 2, 3, 4, 5, 6],
      rows: [
        [1, 2, 4, 5],
        [2, 3, 5, 6],
      ],
    },
    {
      title: 'two groups, each by itself',
      target: patches({ kernel: [2], strides: [1], dilations: [1], pads: [0, 0], groups: 2 }),
      dims: [1, 2, 3],
      values: [1, 2, 3, 4, 5, 6],
      rows: [
        [1, 2],
        [2, 3],
        [4, 5],
        [5, 6],
      ],
    },
  ];
  for (const { title, target, dims, values, rows } of cases) {
    it(title, () => {
      const parts = [...rowParts(values, dims, target, { maxElements: 1000, step: 1 })];
      assert.deepEqual(
        parts.flatMap((p) => [...p.data]),
        rows.flat(),
      );
    });
  }

  it('come in parts of bounded size, and one of several only where asked', () => {
    const target = patches({});
    const parts = [...rowParts(image, [1, 1, 3, 3], target, { maxElements: 9, step: 1 })];
    assert.deepEqual(
      parts.map((p) => p.rows),
      [2, 2],
    );
    const values = Array.from({ length: 20 }, (_, i) => i);
    const taken = (from: number, to: number) =>
      [
        ...rowParts(
          values.slice(from, to),
          [to - from, 1],
          { kind: 'rows' },
          { maxElements: 9, step: 3, firstRow: from },
        ),
      ].flatMap((p) => [...p.data]);
    // one of each three, where the golden ratio says
    assert.deepEqual(
      taken(0, 20),
      [0, 4, 6, 11, 13, 15, 20].filter((r) => r < 20),
    );
    // however the data are cut into batches
    for (const at of [1, 4, 5, 12]) assert.deepEqual([...taken(0, at), ...taken(at, 20)], taken(0, 20));
  });

  it('of a shape that the target cannot have are refused', () => {
    assert.throws(
      () => [...rowParts([1], [1, 1], patches({}), { maxElements: 9, step: 1 })],
      /shape \[1, 1\] cannot be the input of a convolution/,
    );
  });
});
