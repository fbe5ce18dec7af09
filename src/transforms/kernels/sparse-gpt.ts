/**
 * SparseGPT (Frantar and Alistarh, ICML 2023): column by column, the weights that matter least for the output become
 * zero, and those to the right of them make up for it, as the inverse of the inputs' second moments says.
 */
import { inverseOfFactor, lowerFactor } from './cholesky.ts';

export interface SparseGptArgs {
  /** [size, size]: second moments of the inputs. */
  readonly gram: Float32Array;
  readonly size: number;
  /** [outputs, size]. */
  readonly weights: Float32Array;
  readonly outputs: number;
  /** Share of each block of columns that becomes zero; without a pattern. */
  readonly ratio: number;
  /** Of each `of` neighbours `keep` stay. */
  readonly pattern: { readonly keep: number; readonly of: number } | undefined;
}

const DAMPING = 0.01;
/** What a pivot is at the least. */
const TINY = 1e-30;
/** Columns whose mask is chosen at once, as in the paper. */
const BLOCK = 128;

/** How many elements of [outputs, size] become zero, without a pattern. */
export function zerosOf({ size, outputs, ratio }: Pick<SparseGptArgs, 'size' | 'outputs' | 'ratio'>): number {
  let zeros = 0;
  for (let from = 0; from < size; from += BLOCK)
    zeros += Math.round(ratio * outputs * (Math.min(size, from + BLOCK) - from));
  return zeros;
}

/** [outputs, size] with zeros. */
export function sparseGpt({ gram, size, weights, outputs, ratio, pattern }: SparseGptArgs): Float32Array {
  const upper = inverseFactor(gram, size);
  const w = Float64Array.from(weights);
  const zero = new Uint8Array(w.length);
  const block = pattern?.of ?? BLOCK;
  for (let from = 0; from < size; from += block) {
    const to = Math.min(size, from + block);
    if (pattern === undefined) chooseShare({ w, zero, upper, size, outputs, from, to, ratio });
    else choosePerRow({ w, zero, upper, size, outputs, from, to }, pattern.keep);
    for (let o = 0; o < outputs; o++) compensate(w, zero, upper, size, o, from, to);
  }
  return Float32Array.from(w);
}

interface Columns {
  readonly w: Float64Array;
  readonly zero: Uint8Array;
  readonly upper: Float64Array;
  readonly size: number;
  readonly outputs: number;
  readonly from: number;
  readonly to: number;
}

/** What zeroing a weight costs: w² / U_jj². */
function cost({ w, upper, size }: Columns, o: number, j: number): number {
  const v = (w[o * size + j] as number) / (upper[j * size + j] as number);
  return v * v;
}

function chooseShare(columns: Columns & { readonly ratio: number }): void {
  const { zero, size, outputs, from, to, ratio } = columns;
  const cells: { at: number; cost: number }[] = [];
  for (let o = 0; o < outputs; o++)
    for (let j = from; j < to; j++) cells.push({ at: o * size + j, cost: cost(columns, o, j) });
  cells.sort((a, b) => a.cost - b.cost || a.at - b.at);
  for (const { at } of cells.slice(0, Math.round(ratio * cells.length))) zero[at] = 1;
}

function choosePerRow(columns: Columns, keep: number): void {
  const { zero, size, outputs, from, to } = columns;
  for (let o = 0; o < outputs; o++) {
    const order = Array.from({ length: to - from }, (_, i) => from + i);
    order.sort((a, b) => cost(columns, o, b) - cost(columns, o, a) || a - b);
    for (const j of order.slice(keep)) zero[o * size + j] = 1;
  }
}

function compensate(
  w: Float64Array,
  zero: Uint8Array,
  upper: Float64Array,
  size: number,
  o: number,
  from: number,
  to: number,
): void {
  const row = o * size;
  for (let j = from; j < to; j++) {
    if (zero[row + j] === 0) continue;
    const error = (w[row + j] as number) / (upper[j * size + j] as number);
    w[row + j] = 0;
    for (let k = j + 1; k < size; k++) {
      w[row + k] = (w[row + k] as number) - error * (upper[j * size + k] as number);
    }
  }
}

/** U, upper triangular, with Uᵀ U = (G + λI)⁻¹, [size, size]. */
function inverseFactor(gram: Float32Array, size: number): Float64Array {
  let trace = 0;
  for (let i = 0; i < size; i++) trace += gram[i * size + i] as number;
  const ridge = DAMPING * (trace / size) || 1;
  const h = Float64Array.from(gram);
  for (let i = 0; i < size; i++) h[i * size + i] = (h[i * size + i] as number) + ridge;
  const inverse = inverseOfFactor(lowerFactor(h, size, { least: Math.max(ridge * 1e-6, TINY) }), size);
  const lower = lowerFactor(inverse, size, { least: TINY });
  const upper = new Float64Array(size * size);
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) upper[j * size + i] = lower[i * size + j] as number;
  return upper;
}
