/** Reading `.npy` and `.npz`: every element type, the layouts there are, streaming, and files that lie. */
import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { halfToNumber, numberToHalf } from '../../../src/onnx/index.ts';
import { openData } from '../../../src/runtime/data/open.ts';
import { convert, fromNumpyDescr, isConvertible, type ElementType } from '../../../src/runtime/data/dtype.ts';
import { openNumpy } from '../../../src/runtime/data/numpy-file.ts';
import { planInputs } from '../../../src/runtime/inputs.ts';
import { isDataError, npy, npz, TestFolder, type NpyOptions } from './numpy-files.ts';

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
