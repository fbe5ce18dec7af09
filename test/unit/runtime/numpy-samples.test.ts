/** What samples a `.npz` or `.npy` file gives a model: in batches, along the batch of each input, states, labels. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { openData } from '../../../src/runtime/data/open.ts';
import type { DataSource } from '../../../src/runtime/data/source.ts';
import { planInputs, type TensorInfo } from '../../../src/runtime/inputs.ts';
import type { RandomHints } from '../../../src/runtime/data/random.ts';
import type { NumpySpec } from '../../../src/runtime/data/spec.ts';
import { isDataError, npy, npz, TestFolder } from './numpy-files.ts';

const root = path.resolve(import.meta.dirname, '../../..');

async function collect(source: DataSource, input: string): Promise<number[][]> {
  const batches: number[][] = [];
  for await (const batch of source.batches()) {
    batches.push(Array.from(batch.feeds[input]!.data, Number));
  }
  source.close();
  return batches;
}

describe('samples from a NumPy file', () => {
  const folder = new TestFolder();
  const x: TensorInfo = { name: 'x', type: 'float32', shape: ['batch', 2] };
  const ten = npy(
    Float32Array.from({ length: 10 }, (_, i) => i),
    { shape: [5, 2] },
  );
  const labels = npy(BigInt64Array.of(0n, 1n, 0n, 1n, 1n), { descr: '<i8', shape: [5] });

  interface Options extends Partial<NumpySpec> {
    readonly hints?: RandomHints;
  }
  const open = async (
    bytes: Uint8Array,
    batchSize: number,
    infos: TensorInfo[] = [x],
    { hints, ...spec }: Options = {},
  ) => {
    const data: NumpySpec = { ...spec, kind: 'numpy', path: await folder.write('data.npz', bytes) };
    return openData(data, planInputs(infos, { batchSize, dims: {}, data }), hints);
  };

  it('come in batches, the last one smaller, with their labels', async () => {
    const source = await open(npz({ x: ten, labels }), 2);
    assert.equal(source.samples, 5);
    assert.ok(source.hasLabels);
    const seen: unknown[] = [];
    for await (const b of source.batches())
      seen.push([b.count, [...b.feeds['x']!.data], b.feeds['x']!.dims, b.labels]);
    source.close();
    assert.deepEqual(seen, [
      [2, [0, 1, 2, 3], [2, 2], [0, 1]],
      [2, [4, 5, 6, 7], [2, 2], [0, 1]],
      [1, [8, 9], [1, 2], [1]],
    ]);
  });

  it('are the same for stored and deflated archives, and for a single .npy', async () => {
    for (const bytes of [npz({ x: ten }, 0), npz({ x: ten }, 6), ten]) {
      assert.deepEqual(await collect(await open(bytes, 3), 'x'), [
        [0, 1, 2, 3, 4, 5],
        [6, 7, 8, 9],
      ]);
    }
  });

  it('are limited where asked', async () => {
    const source = await open(npz({ x: ten, labels }), 2, [x], { limit: 3 });
    assert.equal(source.description, 'data.npz, 3 of 5 samples');
    assert.deepEqual(await collect(source, 'x'), [
      [0, 1, 2, 3],
      [4, 5],
    ]);
  });

  it('that do not fill a fixed batch are left out, and that is said', async () => {
    const fixed: TensorInfo = { ...x, shape: [2, 2] };
    const source = await open(npz({ x: ten }), 2, [fixed]);
    assert.equal(source.samples, 4);
    assert.match(source.warnings.join(), /fixed at 2: the last 1 of 5 samples/);
    source.close();
  });

  it('are matched to inputs by name, any case, or as the only array for the only input', async () => {
    for (const name of ['x', 'X', 'anything']) {
      const source = await open(npz({ [name]: ten }), 5);
      assert.equal((await collect(source, 'x')).length, 1);
    }
  });

  it('of a wider type are converted, with a word', async () => {
    const wide = npy(Float64Array.of(0.5, 1.5), { descr: '<f8', shape: [1, 2] });
    const source = await open(npz({ x: wide }), 1);
    assert.match(source.warnings.join(), /"x" is float64; it was converted to float32/);
    assert.deepEqual(await collect(source, 'x'), [[0.5, 1.5]]);
  });

  it('feed an input without a batch whole, every time', async () => {
    const scale: TensorInfo = { name: 'scale', type: 'float32', shape: [3] };
    const three = npy(Float32Array.of(7, 8, 9), { shape: [3] });
    const source = await open(npz({ x: ten, scale: three }), 4, [x, scale]);
    assert.deepEqual(await collect(source, 'scale'), [
      [7, 8, 9],
      [7, 8, 9],
    ]);
  });

  it('of the labelled set are all read', async () => {
    const image: TensorInfo = { name: 'input', type: 'float32', shape: ['batch', 1, 28, 28] };
    const file = path.join(root, 'media/samples/fmnist-test-2000.npz');
    const source = await openData(
      { kind: 'numpy', path: file },
      planInputs([image], { batchSize: 256, dims: {} }),
    );
    const counts = new Array<number>(10).fill(0);
    let seen = 0;
    for await (const batch of source.batches()) {
      for (const label of batch.labels ?? []) counts[label]!++;
      for (const value of batch.feeds['input']!.data) assert.ok(Number(value) >= 0 && Number(value) <= 1);
      seen += batch.count;
    }
    source.close();
    assert.equal(seen, 2000);
    assert.equal(
      counts.reduce((a, b) => a + b),
      2000,
    );
    assert.ok(
      counts.every((c) => c > 100),
      String(counts),
    );
  });

  const state: TensorInfo = { name: 'h', type: 'float32', shape: [2, 'batch', 1] };
  const both = [x, state];
  // sample s has s and 10 + s
  const states = npy(Float32Array.of(0, 1, 2, 3, 4, 10, 11, 12, 13, 14), { shape: [2, 5, 1] });
  const collectAll = async (source: DataSource, name: string) => {
    const found: (number | number[])[][] = [];
    for await (const { feeds } of source.batches())
      found.push([[...feeds[name]!.dims], [...Array.from(feeds[name]!.data, Number)]]);
    source.close();
    return found;
  };

  it('are read along the batch of each input, wherever that is', async () => {
    const source = await open(npz({ x: ten, h: states }), 2, both);
    assert.equal(source.samples, 5);
    assert.deepEqual(await collectAll(source, 'h'), [
      [
        [2, 2, 1],
        [0, 1, 10, 11],
      ],
      [
        [2, 2, 1],
        [2, 3, 12, 13],
      ],
      [
        [2, 1, 1],
        [4, 14],
      ],
    ]);
    await assert.rejects(
      open(npz({ x: npy(new Float32Array(8), { shape: [4, 2] }), h: states }), 2, both),
      isDataError(/"x" has 4 samples, array "h" has 5/),
    );
  });

  it('lie along the axis that is given where the dims do not tell, or are the same for all', async () => {
    const infos = [x, { ...state, shape: [2, 'many', 1] }];
    const at = (axis: number | null) =>
      open(npz({ x: ten, h: states }), 5, infos, { batchAxes: { h: axis } });
    assert.deepEqual((await collectAll(await at(1), 'h'))[0]?.[0], [2, 5, 1]);
    const whole = await open(npz({ x: ten, h: states }), 2, infos, { batchAxes: { h: null } });
    assert.deepEqual(
      (await collectAll(whole, 'h')).map(([dims]) => dims),
      [
        [2, 5, 1],
        [2, 5, 1],
        [2, 5, 1],
      ],
    );
    await assert.rejects(at(3), { kind: 'batch', message: /"h" has 3 dims and no axis 3/ });
  });

  it('need no state: it begins as zeros, and so does what is mapped to zeros', async () => {
    for (const [hints, inputs] of [
      [{ h: { isState: true } }, undefined],
      [{}, { h: 'zeros' }],
    ] as const) {
      const source = await open(npz({ x: ten }), 3, both, { hints, inputs });
      assert.match(source.warnings.join(), /feeds input "h", the state that a run hands to the next/);
      assert.deepEqual(await collectAll(source, 'h'), [
        [
          [2, 3, 1],
          [0, 0, 0, 0, 0, 0],
        ],
        [
          [2, 2, 1],
          [0, 0, 0, 0],
        ],
      ]);
    }
    await assert.rejects(open(npz({ x: ten, y: ten }), 3, both), isDataError(/no array for input "h"/));
  });

  const other = npy(Float32Array.of(1, 2, 3, 4), { shape: [2, 2] });
  const REFUSED: [string, Uint8Array, RegExp, TensorInfo[]?][] = [
    ['of other names', npz({ a: ten, b: ten }), /no array for input "x"; it holds "a", "b".*savez/],
    [
      'of another shape',
      npz({ x: npy(Float32Array.of(1, 2, 3), { shape: [1, 3] }) }),
      /expected shape \[samples, 2\], found \[1, 3\]/,
    ],
    [
      'of another rank',
      npz({ x: npy(Float32Array.of(1, 2), { shape: [2] }) }),
      /expected shape \[samples, 2\], found \[2\]/,
    ],
    [
      'of another kind',
      npz({ x: npy(Uint8Array.of(1, 2), { descr: '|u1', shape: [1, 2] }) }),
      /expected type float32, found uint8.*astype/,
    ],
    ['without one sample', npz({ x: npy(new Float32Array(0), { shape: [0, 2] }) }), /holds no sample/],
    [
      'with fewer labels than samples',
      npz({ x: ten, labels: npy(BigInt64Array.of(1n), { descr: '<i8', shape: [1] }) }),
      /"x" has 5 samples, array "labels" has 1/,
    ],
    [
      'of unequal inputs',
      npz({ x: ten, z: other }),
      /"x" has 5 samples, array "z" has 2/,
      [x, { ...x, name: 'z' }],
    ],
    [
      'too few for the fixed batch',
      npz({ x: other }),
      /2 samples, fewer than the model's fixed batch of 4/,
      [{ ...x, shape: [4, 2] }],
    ],
  ];
  for (const [title, bytes, pattern, infos] of REFUSED) {
    it(`${title} are refused`, async () => {
      await assert.rejects(open(bytes, infos?.[0]?.shape[0] === 4 ? 4 : 1, infos), isDataError(pattern));
    });
  }

  it('that do not fit into the input are refused when they come', async () => {
    const ids: TensorInfo = { name: 'x', type: 'int32', shape: ['batch'] };
    const source = await open(npz({ x: npy(BigInt64Array.of(2n ** 40n), { descr: '<i8', shape: [1] }) }), 1, [
      ids,
    ]);
    await assert.rejects(
      collect(source, 'x'),
      isDataError(/cannot feed input "x": 1099511627776 does not fit into int32/),
    );
  });
});
