/** Reading `.npy` and `.npz`: every element type, the layouts there are, streaming, and files that lie. */
import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { halfToNumber, numberToHalf } from '../../../src/onnx/index.ts';
import { openData } from '../../../src/runtime/data/open.ts';
import type { DataSource } from '../../../src/runtime/data/source.ts';
import { convert, fromNumpyDescr, isConvertible, type ElementType } from '../../../src/runtime/data/dtype.ts';
import { openNumpy } from '../../../src/runtime/data/numpy-file.ts';
import { RunnerError } from '../../../src/runtime/failure.ts';
import { planInputs, type TensorInfo } from '../../../src/runtime/inputs.ts';
import type { RandomHints } from '../../../src/runtime/data/random.ts';
import type { NumpySpec } from '../../../src/runtime/data/spec.ts';
import { npy, npz, TestFolder, type NpyOptions } from './numpy-files.ts';

const root = path.resolve(import.meta.dirname, '../../..');

const isDataError = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RunnerError);
  assert.equal(error.kind, 'data');
  assert.match(error.message, pattern);
  return true;
};

async function collect(source: DataSource, input: string): Promise<number[][]> {
  const batches: number[][] = [];
  for await (const batch of source.batches()) {
    batches.push(Array.from(batch.feeds[input]!.data, Number));
  }
  source.close();
  return batches;
}

describe('a NumPy element type', () => {
  const KNOWN: [string, ElementType][] = [
    ['<f2', 'float16'],
    ['<f4', 'float32'],
    ['<f8', 'float64'],
    ['|i1', 'int8'],
    ['<i2', 'int16'],
    ['<i4', 'int32'],
    ['<i8', 'int64'],
    ['|u1', 'uint8'],
    ['>u1', 'uint8'],
    ['<u2', 'uint16'],
    ['<u4', 'uint32'],
    ['<u8', 'uint64'],
    ['|b1', 'bool'],
    ['=f4', 'float32'],
  ];
  for (const [descr, type] of KNOWN) {
    it(`${descr} is ${type}`, () => assert.equal(fromNumpyDescr(descr), type));
  }
  for (const descr of ['>f4', '<c8', '<U5', '|O', '<M8[ns]', 'f4', '']) {
    it(`"${descr}" is none that can be fed`, () => assert.equal(fromNumpyDescr(descr), undefined));
  }

  it('float16 bits and numbers are each other', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = halfToNumber(bits);
      if (!Number.isNaN(value)) assert.equal(numberToHalf(value), bits);
    }
    // halfway between 1 and the next half, 1 + 2^-10: to the even one
    assert.equal(numberToHalf(1 + 2 ** -11), 0x3c00);
    assert.equal(numberToHalf(1 + 3 * 2 ** -11), 0x3c02);
  });

  it('an integer that does not fit is refused, one that fits is converted', () => {
    assert.deepEqual([...convert(BigInt64Array.of(5n, -128n), 'int64', 'int8')], [5, -128]);
    assert.throws(() => convert(BigInt64Array.of(200n), 'int64', 'int8'), /200 does not fit into int8/);
    const most = 2n ** 63n - 1n;
    assert.deepEqual([...convert(BigUint64Array.of(most), 'uint64', 'int64')], [most]);
    assert.throws(
      () => convert(BigUint64Array.of(most + 1n), 'uint64', 'int64'),
      /9223372036854775808 does not fit/,
    );
  });

  it('whole numbers are not read as floats', () => {
    assert.ok(!isConvertible('uint8', 'float32'));
    assert.ok(isConvertible('float64', 'float32'));
    assert.ok(isConvertible('int32', 'int64'));
    assert.ok(isConvertible('bool', 'int64'));
  });
});

describe('a NumPy file', () => {
  const folder = new TestFolder();
  const six = Float32Array.of(1, 2, 3, 4, 5, 6);

  const GOOD: [string, NpyOptions][] = [
    ['format 1', { shape: [3, 2] }],
    ['format 2', { shape: [3, 2], major: 2 }],
    ['format 3', { shape: [3, 2], major: 3 }],
    // both orders are the same for one column
    ['Fortran order of one dim', { shape: [6, 1], fortran: true }],
    ['one dim', { shape: [6] }],
  ];
  for (const [title, options] of GOOD) {
    it(`of ${title} is read`, async () => {
      const file = await openNumpy(await folder.write('good.npy', npy(six, options)));
      const [array] = file.arrays;
      assert.deepEqual(array?.shape, options.shape);
      const bytes: number[] = [];
      for await (const chunk of array.stream()) bytes.push(...chunk);
      assert.deepEqual([...new Float32Array(Uint8Array.from(bytes).buffer)], [...six]);
      file.close();
    });
  }

  const good = npy(six, { shape: [3, 2] });
  const at = (index: number, value: number) => {
    const bytes = good.slice();
    bytes[index] = value;
    return bytes;
  };
  const longHeader = npy(six, { shape: [3, 2], major: 2 });
  new DataView(longHeader.buffer).setUint32(8, 0x7fffffff, true);
  const zipped = npz({ x: good });
  const BAD: [string, Uint8Array, RegExp][] = [
    ['that is empty', new Uint8Array(0), /bad is not a NumPy array/],
    ['of text', Buffer.from('a,b,c\n1,2,3\n'), /does not begin with/],
    ['of an unknown format', at(6, 9), /NumPy format 9/],
    ['cut short in its prelude', good.subarray(0, 9), /cut short inside its header/],
    ['cut short in its header', good.subarray(0, 40), /damaged header|no simple element type/],
    [
      'cut short in its data',
      good.subarray(0, -1),
      /shape \[3, 2\] of float32 needs 152 bytes, the file has 151/,
    ],
    ['with a header beyond reason', longHeader, /header of 2147483647 bytes/],
    ['in Fortran order', npy(six, { shape: [3, 2], fortran: true }), /Fortran order.*ascontiguousarray/],
    ['of big-endian numbers', npy(six, { shape: [3, 2], descr: '>f4' }), /type >f4.*little-endian/],
    ['of complex numbers', npy(six, { shape: [3], descr: '<c8' }), /type <c8/],
    ['of an impossible shape', npy(six, { shape: [2 ** 40, 2 ** 40] }), /impossible shape/],
    ['with a negative dim', npy(six, { shape: [-6] }), /impossible shape/],
    ['zipped but cut short', zipped.subarray(0, -30), /damaged or cut short/],
    ['zipped without an array', npz({}), /damaged or cut short|holds no \.npy/],
  ];
  for (const [title, bytes, pattern] of BAD) {
    it(`${title} is refused`, async () => {
      await assert.rejects(openNumpy(await folder.write('bad', bytes)), isDataError(pattern));
    });
  }

  it('that is not there is named', async () => {
    await assert.rejects(openNumpy(folder.file('none.npz')), isDataError(/Cannot read .*none\.npz: ENOENT/));
  });

  it('with damaged bytes is found out by its checksum', async () => {
    const stored = npz({ x: npy(new Float32Array(1000), { shape: [1000] }) }, 0);
    stored[2000]! ^= 1;
    const file = await openNumpy(await folder.write('crc.npz', stored));
    await assert.rejects(
      async () => {
        for await (const chunk of file.arrays[0]!.stream()) assert.ok(chunk.length > 0);
      },
      isDataError(/checksum/),
    );
    file.close();
  });

  it('is streamed: a large array costs no memory of its size', async () => {
    // 256 MiB of zeros, deflated to 260 KiB
    const samples = 64;
    const perSample = 2 ** 20;
    const file = folder.file('large.npy');
    const header = npy(new Float32Array(0), { shape: [samples, perSample] });
    const handle = await open(file, 'w');
    await handle.write(header);
    await handle.truncate(header.length + samples * perSample * 4);
    await handle.close();
    const plan = planInputs([{ name: 'x', type: 'float32', shape: ['batch', perSample] }], {
      batchSize: 1,
      dims: {},
    });
    const source = await openData({ kind: 'numpy', path: file }, plan);
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    for await (const batch of source.batches()) {
      assert.equal(batch.feeds['x']?.data.length, perSample);
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    source.close();
    // garbage of some samples, far from all 256 MiB
    assert.ok(most < 128 * 2 ** 20, `${most} bytes held`);
  });
});

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
