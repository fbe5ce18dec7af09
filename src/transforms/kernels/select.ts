/**
 * Picks exactly k of n elements, those with the smallest keys, in two passes and 256 KiB: histograms of the upper and
 * then of the lower 16 bits of a 32-bit key give the threshold. Among equal keys the lower index goes first.
 * A key is the magnitude's bit pattern (which orders as the magnitude does), or a hash of the index for a random pick.
 */

/** `magnitude`: the float's bits without the sign. `hash`: of index and seed. */
export type KeyKind = 'magnitude' | 'hash';

/** How a float type lies in its bits. */
export interface FloatBits {
  readonly elementBytes: 2 | 4;
  /** Bits of +infinity: magnitudes from here on are not finite. */
  readonly infinity: number;
}

export const FLOAT32_BITS: FloatBits = { elementBytes: 4, infinity: 0x7f800000 };
export const FLOAT16_BITS: FloatBits = { elementBytes: 2, infinity: 0x7c00 };
export const BFLOAT16_BITS: FloatBits = { elementBytes: 2, infinity: 0x7f80 };

const BINS = 65536;

export interface KeyArgs {
  /** Whole elements, aligned to their size; for `hash`, only their number counts. */
  readonly bytes: Uint8Array;
  readonly type: FloatBits;
  /** Index of the first element in the tensor. */
  readonly start: number;
  readonly kind: KeyKind;
  readonly seed: number;
}

export interface HistogramArgs extends KeyArgs {
  /** Undefined: count the upper 16 bits of all keys. Else the lower 16 bits of keys whose upper bits are these. */
  readonly upper: number | undefined;
}

export function keyHistogram(args: HistogramArgs): Uint32Array {
  const counts = new Uint32Array(BINS);
  const { upper } = args;
  const keys = keysOf(args);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as number;
    if (upper === undefined) counts[key >>> 16] = (counts[key >>> 16] as number) + 1;
    else if (key >>> 16 === upper) counts[key & 0xffff] = (counts[key & 0xffff] as number) + 1;
  }
  return counts;
}

/** The bin that holds the k-th smallest (k ≥ 1), and how many lie in the bins below it. */
export function binOfRank(counts: Float64Array, k: number): { bin: number; below: number } {
  let below = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin] as number;
    if (below + count >= k) return { bin, below };
    below += count;
  }
  throw new RangeError(`rank ${k} of ${below} elements`);
}

export interface ZeroArgs extends KeyArgs {
  /** Elements whose key lies below become 0. */
  readonly threshold: number;
  /** So many of those whose key equals it become 0, too. */
  readonly ties: number;
}

export interface ZeroResult {
  readonly bytes: Uint8Array;
  /** How many equal keys were met, zeroed or not. */
  readonly tiesMet: number;
  /** Index in the tensor of the first NaN or infinity; -1 where all are finite. */
  readonly badIndex: number;
}

/** A copy of the elements with the selected ones set to +0. */
export function zeroSelected(args: ZeroArgs): ZeroResult {
  const { type, start, threshold, ties } = args;
  const bytes = args.bytes.slice();
  const elements = elementsOf(bytes, type);
  const badIndex = firstNotFinite(elements, type);
  let tiesMet = 0;
  const keys = keysOf(args);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as number;
    if (key < threshold || (key === threshold && tiesMet++ < ties)) elements[i] = 0;
  }
  return { bytes, tiesMet, badIndex: badIndex < 0 ? -1 : start + badIndex };
}

/** 32-bit keys; 16-bit magnitudes lie in the upper half, so that both sizes use the same bins. */
function keysOf({ bytes, type, start, kind, seed }: KeyArgs): Uint32Array {
  const elements = elementsOf(bytes, type);
  const keys = new Uint32Array(elements.length);
  if (kind === 'hash') {
    for (let i = 0; i < keys.length; i++) keys[i] = hash(start + i, seed);
  } else if (type.elementBytes === 4) {
    for (let i = 0; i < keys.length; i++) keys[i] = (elements[i] as number) & 0x7fffffff;
  } else {
    for (let i = 0; i < keys.length; i++) keys[i] = ((elements[i] as number) & 0x7fff) << 16;
  }
  return keys;
}

function elementsOf(bytes: Uint8Array, { elementBytes }: FloatBits): Uint32Array | Uint16Array {
  const length = bytes.byteLength / elementBytes;
  return elementBytes === 4
    ? new Uint32Array(bytes.buffer, bytes.byteOffset, length)
    : new Uint16Array(bytes.buffer, bytes.byteOffset, length);
}

function firstNotFinite(elements: Uint32Array | Uint16Array, { elementBytes, infinity }: FloatBits): number {
  const magnitude = elementBytes === 4 ? 0x7fffffff : 0x7fff;
  for (let i = 0; i < elements.length; i++) {
    if (((elements[i] as number) & magnitude) >= infinity) return i;
  }
  return -1;
}

/**
 * 32 well-mixed bits of an index (below 2^53) and a seed. Each step is a bijection of 32 bits, so that no two of the
 * first 2^32 indices share a key.
 */
function hash(index: number, seed: number): number {
  let h = (index ^ seed) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  h ^= h >>> 16;
  // indices beyond 2^32 must not repeat the pattern
  return (h ^ Math.imul(Math.floor(index / 4294967296), 0x9e3779b9)) >>> 0;
}

/** 32 bits of a text (FNV-1a): tells the seeds of different layers apart. */
export function hashText(text: string, seed: number): number {
  let h = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 13)) >>> 0;
}
