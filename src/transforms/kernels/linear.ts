/**
 * Linear quantization to 8 bits, bit for bit as ONNX Runtime's Python tools (`quant_utils.py`, 1.32): the division is
 * rounded to float32, then to the nearest integer, halves to even.
 */
import { linearVectors, vectorEnd } from './linear-vectors.ts';
import { forEachPart, type ChannelLayout } from './range.ts';
import type { Values } from './values.ts';

export interface LinearArgs {
  readonly values: Values;
  /** Index of the first value in the tensor. */
  readonly start: number;
  readonly layout: ChannelLayout;
  /** Per channel. */
  readonly scales: Float32Array;
  readonly zeroPoints: Int32Array;
  /** Ends of the type: -128..127 or 0..255. */
  readonly low: number;
  readonly high: number;
}

/** Adding and taking away 1.5·2^52 rounds a double to an integer, halves to even. */
const ROUND = 6755399441055744;

/** One byte per value; negative integers as two's complement. */
export function quantizeLinear(args: LinearArgs): Uint8Array {
  const { start, layout, scales, zeroPoints, low } = args;
  const vectors = linearVectors(args.values, scales, zeroPoints, low < 0);
  const { values } = vectors;
  const run = (from: number, to: number, channel: number): void => {
    const middle = vectorEnd(from, to);
    if (middle > from) vectors.run(from, middle, channel);
    for (let i = middle; i < to; i++) vectors.out[i] = quantizeValue(args, values[i] as number, channel);
  };
  const row = (from: number, to: number, channel: number): void => {
    const middle = vectorEnd(from, to);
    if (middle > from) vectors.row(from, middle, channel);
    for (let i = middle; i < to; i++)
      vectors.out[i] = quantizeValue(args, values[i] as number, channel + i - from);
  };
  forEachPart(values.length, start, layout, run, row);
  return vectors.out.slice();
}

function quantizeValue(args: LinearArgs, value: number, channel: number): number {
  const { scales, zeroPoints, low, high } = args;
  const quotient = Math.fround(value / (scales[channel] as number));
  const q = roundHalfEven(quotient) + (zeroPoints[channel] as number);
  return Math.min(high, Math.max(low, q));
}

/** How an integer type spreads over a range. */
export interface LinearSpread {
  /** Ends of the integer range that the values' range is mapped to. */
  readonly low: number;
  readonly high: number;
  /** The range is widened to ±max|v|, and the zero point is the middle of the integers. */
  readonly isSymmetric: boolean;
}

/** Of 8 bits. */
export interface LinearType extends LinearSpread {
  readonly dataType: 'int8' | 'uint8';
}

/**
 * The types as the tools use them: int8 symmetric in -127..127, uint8 asymmetric in 0..255; with 7 bits where asked.
 * @param isSymmetric of uint8: symmetric in 1..255, so that all channels share the zero point 128
 */
export function linearType(
  dataType: 'int8' | 'uint8',
  reduceRange: boolean,
  isSymmetric = dataType === 'int8',
): LinearType {
  if (!isSymmetric) return { dataType, low: 0, high: reduceRange ? 127 : 255, isSymmetric };
  const middle = dataType === 'int8' ? 0 : 128;
  const reach = reduceRange ? 64 : 127;
  return { dataType, low: middle - reach, high: middle + reach, isSymmetric };
}

/** The integer that stands for 0 whatever the range. */
export function middleOf({ low, high }: LinearSpread): number {
  return roundHalfEven((low + high) / 2);
}

/** Smallest normal float32: a smaller scale is replaced by 1, as the tools do. */
const SMALLEST_SCALE = 2 ** -126;

/** Scale and zero point for values in `[min, max]`, which contains 0. */
export function linearParameters(
  min: number,
  max: number,
  type: LinearSpread,
): { scale: number; zeroPoint: number } {
  const bound = Math.max(-min, max);
  const [low, high] = type.isSymmetric ? [-bound, bound] : [min, max];
  const scale = (high - low) / (type.high - type.low);
  if (scale < SMALLEST_SCALE) return { scale: 1, zeroPoint: type.isSymmetric ? middleOf(type) : 0 };
  const zeroPoint = type.isSymmetric ? middleOf(type) : type.low - low / scale;
  return { scale: Math.fround(scale), zeroPoint: roundHalfEven(zeroPoint) };
}

export function roundHalfEven(x: number): number {
  return x + ROUND - ROUND;
}
