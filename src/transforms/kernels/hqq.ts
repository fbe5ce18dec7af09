/**
 * Half-quadratic quantization of a block (Badri & Shaji, 2023): what rounding leaves over is split into a sparse part,
 * which outliers may keep, and a rest that scale and zero point are fitted to, in turns. Unlike there, zero points stay
 * integers, which kernels keep packed, and the scale is fitted, too. The best of all turns by squared error is taken,
 * so that the result is never worse than plain rounding.
 */
import type { BlockForm, BlockParameters, Strided } from './blocks.ts';

const TURNS = 20;
/** Turns without a gain after which the search ends. */
const PATIENCE = 2;
/** The range to begin with, as a share of the whole one: a few outliers may be cut. */
const STARTS = [1, 0.85];
/** Norm of the sparse part, and how much it is worth. */
const NORM = 0.7;
const BETA = 10;
/** Steps of the table between 0 and 1. */
const TABLE = 1024;

/** By error in steps of the scale: the sparse part of it, sign(e) · max(|e| - |e|^(p - 1) / β, 0). */
const sparseTable = Float64Array.from({ length: TABLE + 1 }, (_, i) => sparse(i / TABLE));

function sparse(error: number): number {
  return error === 0 ? 0 : Math.max(error - error ** (NORM - 1) / BETA, 0);
}

function sparsePart(error: number): number {
  const size = Math.abs(error);
  const part = size < 1 ? (sparseTable[Math.round(size * TABLE)] as number) : sparse(size);
  return error < 0 ? -part : part;
}

/** Scale and zero point of least squared error among those tried, `fromRange` among them. */
export function searchedParameters(
  block: Strided,
  form: BlockForm,
  fromRange: BlockParameters,
): BlockParameters {
  if (fromRange.scale === 0) return fromRange;
  let [scale, zeroPoint, least] = [fromRange.scale, fromRange.zeroPoint, Infinity];
  for (const share of STARTS) {
    next.scale = Math.fround(fromRange.scale * share);
    next.zeroPoint = fromRange.zeroPoint;
    let waited = 0;
    for (let turn = 0; turn < TURNS && waited < PATIENCE; turn++) {
      const [triedScale, triedZero] = [next.scale, next.zeroPoint];
      const error = takeTurn(block, form, triedScale, triedZero);
      waited = error < least ? 0 : waited + 1;
      if (error < least) [scale, zeroPoint, least] = [triedScale, triedZero, error];
    }
  }
  return { scale, zeroPoint };
}

/** What the turn taken last leads to; used again, as millions of turns are taken. */
const next = { scale: 1, zeroPoint: 0 };

/**
 * Rounds with the scale and zero point given, and fits the `next` ones to the integers.
 * @returns the squared error of those given
 */
function takeTurn(block: Strided, form: BlockForm, scale: number, zeroPoint: number): number {
  const { values, from, stride, count } = block;
  const high = 2 ** form.bits - 1;
  const inverse = 1 / scale;
  let [error, zeroSum, sum, sumOfQ, sumOfSquares, sumOfProducts] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const v = (values[from + i * stride] as number) * inverse;
    const x = v + zeroPoint + 0.5;
    const q = x < 0 ? 0 : x > high ? high : Math.floor(x);
    // in steps of the scale
    const e = v - (q - zeroPoint);
    error += e * e;
    const rest = v - sparsePart(e);
    zeroSum += q - rest;
    sum += rest;
    sumOfQ += q;
    sumOfSquares += q * q;
    sumOfProducts += q * rest;
  }
  const zero = form.isSymmetric ? zeroPoint : Math.min(high, Math.max(0, Math.round(zeroSum / count)));
  // least squares of rest ≈ factor · (q - zero)
  const squares = sumOfSquares - 2 * zero * sumOfQ + count * zero * zero;
  const factor = squares === 0 ? 1 : (sumOfProducts - zero * sum) / squares;
  next.zeroPoint = zero;
  // a scale of 0 or of the other sign would stand for other integers
  next.scale = factor > 0 ? Math.fround(scale * factor) : scale;
  return error * scale * scale;
}
