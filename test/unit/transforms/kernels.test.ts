/** The loops over weights, against plain arithmetic and figures of NumPy. */
import assert from 'node:assert/strict';
import {
  linearParameters,
  linearType,
  quantizeLinear,
  roundHalfEven,
} from '../../../src/transforms/kernels/linear.ts';
import { mergeRanges, range, type ChannelLayout } from '../../../src/transforms/kernels/range.ts';
import { transposeInto, type Band } from '../../../src/transforms/kernels/transpose.ts';
import { ramp } from '../../support/model-builder.ts';

const LAYOUTS: [string, ChannelLayout][] = [
  ['one channel', { channels: 1, inner: 1 }],
  ['the last axis', { channels: 5, inner: 1 }],
  ['the last axis, wide enough for vectors', { channels: 20, inner: 1 }],
  ['the first axis', { channels: 3, inner: 20 }],
  ['an axis in the middle', { channels: 4, inner: 5 }],
];
const SIZE = 60;

const channelOf = (i: number, { channels, inner }: ChannelLayout) => Math.floor(i / inner) % channels;

describe('range', () => {
  for (const [title, layout] of LAYOUTS) {
    it(`of ${title} is the same for every way to cut the tensor`, () => {
      const values = ramp(SIZE);
      const expected = Array.from({ length: layout.channels }, (_, c) =>
        values.filter((_v, i) => channelOf(i, layout) === c),
      );
      for (let cut = 1; cut < SIZE; cut++) {
        const all = range({ values: Float32Array.from(values.slice(0, cut)), start: 0, layout });
        mergeRanges(all, range({ values: Float32Array.from(values.slice(cut)), start: cut, layout }));
        assert.deepEqual(
          [...all.min],
          expected.map((v) => Math.min(0, ...v)),
        );
        assert.deepEqual(
          [...all.max],
          expected.map((v) => Math.max(0, ...v)),
        );
      }
    });

    it(`of ${title} finds what is not finite`, () => {
      for (const bad of [NaN, Infinity, -Infinity]) {
        const values = Float32Array.from(ramp(SIZE));
        assert.equal(range({ values, start: 100, layout }).badIndex, -1);
        values[37] = bad;
        assert.equal(range({ values, start: 100, layout }).badIndex, 137);
      }
    });
  }
});

describe('linearParameters', () => {
  // expected: onnxruntime.quantization.quant_utils.compute_data_quant_params of [min, max], 1.32
  const cases: [string, number, number, 'int8' | 'uint8', boolean, number, number][] = [
    ['int8', -1, 3, 'int8', false, 0.023622047156095505, 0],
    ['int8, 7 bits', -1, 3, 'int8', true, 0.046875, 0],
    ['uint8', -1, 3, 'uint8', false, 0.01568627543747425, 64],
    ['uint8, 7 bits', -1, 3, 'uint8', true, 0.031496062874794006, 32],
    ['uint8 of positive values', 0, 2, 'uint8', false, 0.007843137718737125, 0],
    ['uint8 of negative values', -2, 0, 'uint8', false, 0.007843137718737125, 255],
    ['all zero', 0, 0, 'int8', false, 1, 0],
    ['too small for a normal scale', 0, 1e-37, 'uint8', false, 1, 0],
  ];
  for (const [title, min, max, type, reduceRange, scale, zeroPoint] of cases) {
    it(title, () => {
      const found = linearParameters(Math.fround(min), Math.fround(max), linearType(type, reduceRange));
      assert.deepEqual(found, { scale: Math.fround(scale), zeroPoint });
    });
  }
});

describe('quantizeLinear', () => {
  it('rounds halves to even and saturates', () => {
    // 21 values: three times over, so that vectors take the first 16
    const some = [0.5, 1.5, 2.5, -0.5, -1.5, 500, -500];
    const values = Float32Array.from([...some, ...some, ...some]);
    const thrice = (expected: number[]) => [...expected, ...expected, ...expected];
    const rest = { start: 0, layout: { channels: 1, inner: 1 }, scales: Float32Array.of(1) };
    const signed = quantizeLinear({ values, ...rest, zeroPoints: Int32Array.of(0), low: -128, high: 127 });
    assert.deepEqual([...new Int8Array(signed.buffer)], thrice([0, 2, 2, 0, -2, 127, -128]));
    const unsigned = quantizeLinear({ values, ...rest, zeroPoints: Int32Array.of(3), low: 0, high: 255 });
    assert.deepEqual([...unsigned], thrice([3, 5, 5, 3, 1, 255, 0]));
  });

  it('rounds the quotient to float32 first, as NumPy does', () => {
    // the double quotient is 4.50000013, which rounds to 5; as float32 it is 4.5, which rounds to 4
    const found = quantizeLinear({
      values: new Float32Array(17).fill(4.050353527069092),
      start: 0,
      layout: { channels: 1, inner: 1 },
      scales: Float32Array.of(0.900078535079956),
      zeroPoints: Int32Array.of(0),
      low: -128,
      high: 127,
    });
    assert.deepEqual(
      [...found],
      Array.from({ length: 17 }, () => 4),
    );
  });

  for (const [title, layout] of LAYOUTS) {
    it(`takes the scale of each channel: ${title}`, () => {
      const values = Float32Array.from(ramp(SIZE));
      const scales = Float32Array.from({ length: layout.channels }, (_, c) => 0.05 * (c + 1));
      const zeroPoints = Int32Array.from({ length: layout.channels }, (_, c) => 100 + c);
      for (let cut = 0; cut < SIZE; cut += 7) {
        const found = quantizeLinear({
          values: values.slice(cut),
          start: cut,
          layout,
          scales,
          zeroPoints,
          low: 0,
          high: 255,
        });
        found.forEach((q, i) => {
          const c = channelOf(cut + i, layout);
          const exact = roundHalfEven(Math.fround(values[cut + i]! / scales[c]!)) + zeroPoints[c]!;
          assert.equal(q, Math.min(255, Math.max(0, exact)));
        });
      }
    });
  }
});

describe('transposeInto', () => {
  it('fills every band from pieces of any size', () => {
    const [rows, columns] = [4, 6]; // source [4, 6]; result [6, 4]
    const source = Uint8Array.from({ length: rows * columns }, (_, i) => i);
    for (let piece = 1; piece <= 24; piece++) {
      for (const bandRows of [1, 2, 5, 6]) {
        const result: number[] = [];
        for (let firstRow = 0; firstRow < columns; firstRow += bandRows) {
          const n = Math.min(bandRows, columns - firstRow);
          const band: Band = { firstRow, rows: n, columns: rows, bytes: new Uint8Array(n * rows) };
          for (let i = 0; i < source.length; i += piece) {
            transposeInto(band, source.subarray(i, i + piece), i, columns);
          }
          result.push(...band.bytes);
        }
        const expected = Array.from({ length: 24 }, (_, i) => (i % rows) * columns + Math.floor(i / rows));
        assert.deepEqual(result, expected);
      }
    }
  });
});
