/**
 * What is expected of a tensor's values before any data are seen: of each index of those dims along which they differ, a
 * distribution. Each is a function of a Gaussian, told at fixed points of it, so that x · sigmoid(x) is what it is although
 * two operators make it. Values of different origins are taken as independent.
 */
import { places, weights, POINTS } from './points.ts';

/** The Gaussian that values are functions of: each object is one of its own. */
export type Origin = Readonly<Record<string, never>>;

export interface Spread {
  /** Of each dim its size where its indices differ, else 1. */
  readonly dims: readonly number[];
  /** [elements of `dims`, POINTS], row-major. */
  readonly points: Float32Array;
  /** Undefined for constants. */
  readonly origin: Origin | undefined;
  /** Output of a layer of weights, to which a bias may still be added. */
  readonly isLinear?: boolean | undefined;
}

/** By element of `dims`. */
export interface Moments {
  readonly dims: readonly number[];
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

export const countOf = (dims: readonly number[]): number => dims.reduce((n, d) => n * d, 1);

export function gaussian({ dims, mean, variance }: Moments, isLinear = false): Spread {
  const points = new Float32Array(mean.length * POINTS);
  for (let i = 0; i < mean.length; i++) {
    const [m, s] = [mean[i] ?? 0, Math.sqrt(Math.max(0, variance[i] ?? 0))];
    for (let k = 0; k < POINTS; k++) points[i * POINTS + k] = m + s * (places[k] ?? 0);
  }
  return { dims, points, origin: {}, isLinear };
}

/** Mean 0 and variance 1 everywhere: what is taken of values that nothing is known of. */
export function standard(rank: number): Spread {
  const dims = Array.from({ length: rank }, () => 1);
  return gaussian({ dims, mean: Float64Array.of(0), variance: Float64Array.of(1) });
}

export function constant(dims: readonly number[], values: ArrayLike<number>): Spread {
  const points = new Float32Array(values.length * POINTS);
  for (let i = 0; i < values.length; i++) points.fill(values[i] ?? 0, i * POINTS, (i + 1) * POINTS);
  return { dims, points, origin: undefined };
}

export function momentsOf({ dims, points }: Spread): Moments {
  const count = points.length / POINTS;
  const [mean, variance] = [new Float64Array(count), new Float64Array(count)];
  for (let i = 0; i < count; i++) {
    let [m, s] = [0, 0];
    for (let k = 0; k < POINTS; k++) {
      const [v, w] = [points[i * POINTS + k] ?? 0, weights[k] ?? 0];
      m += w * v;
      s += w * v * v;
    }
    mean[i] = m;
    variance[i] = Math.max(0, s - m * m);
  }
  return { dims, mean, variance };
}

/** E[x²] */
export function squares({ mean, variance }: Moments): Float64Array {
  return mean.map((m, i) => m * m + (variance[i] ?? 0));
}

export function mapped(spread: Spread, f: (x: number) => number): Spread {
  return { ...spread, points: spread.points.map(f), isLinear: false };
}

/** An operator on two values, element by element: of one origin point by point, else by `apart`. */
export function combined(
  a: Spread,
  b: Spread,
  f: (x: number, y: number) => number,
  apart: (a: Moments, b: Moments) => Moments,
): Spread {
  const dims = broadcastDims(a.dims, b.dims);
  const isTogether = a.origin === undefined || b.origin === undefined || a.origin === b.origin;
  const [x, y] = [stretched(a, dims), stretched(b, dims)];
  if (!isTogether) return gaussian(apart(momentsOf(x), momentsOf(y)));
  const points = x.points.map((v, i) => f(v, y.points[i] ?? 0));
  return { dims, points, origin: a.origin ?? b.origin };
}

export function broadcastDims(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, k) => {
    const [x, y] = [a[k - rank + a.length] ?? 1, b[k - rank + b.length] ?? 1];
    if (x !== y && x !== 1 && y !== 1) throw new Unfit();
    return Math.max(x, y);
  });
}

/** An operator's values do not go together as thought: nothing is known of what it gives. */
export class Unfit extends Error {}

/** Repeated along dims where its indices are alike. */
export function stretched(spread: Spread, dims: readonly number[]): Spread {
  const before = [...dims.slice(spread.dims.length).map(() => 1), ...spread.dims];
  if (before.every((d, k) => d === dims[k])) return { ...spread, dims };
  const steps = stepsOf(before);
  return picked(spread, dims, (place) =>
    place.reduce((at, p, k) => at + (before[k] === 1 ? 0 : p * (steps[k] ?? 0)), 0),
  );
}

/** A spread of those dims, each element the one of `spread` that `from` says. */
export function picked(
  spread: Spread,
  dims: readonly number[],
  from: (place: readonly number[]) => number,
): Spread {
  const count = countOf(dims);
  if (count > MAX_ELEMENTS) throw new Unfit();
  const points = new Float32Array(count * POINTS);
  const place = dims.map(() => 0);
  for (let i = 0; i < count; i++) {
    const at = from(place) * POINTS;
    points.set(spread.points.subarray(at, at + POINTS), i * POINTS);
    for (let k = dims.length - 1; k >= 0; k--) {
      place[k] = (place[k] ?? 0) + 1;
      if ((place[k] ?? 0) < (dims[k] ?? 1)) break;
      place[k] = 0;
    }
  }
  return { ...spread, dims, points };
}

/** More are not told apart. */
const MAX_ELEMENTS = 1 << 17;

export function stepsOf(dims: readonly number[]): number[] {
  return dims.map((_, k) => countOf(dims.slice(k + 1)));
}

export function transposed(spread: Spread, order: readonly number[]): Spread {
  const steps = stepsOf(spread.dims);
  const dims = order.map((k) => spread.dims[k] ?? 1);
  return picked(spread, dims, (place) => place.reduce((at, p, k) => at + p * (steps[order[k] ?? 0] ?? 0), 0));
}

/** Those indices of one dim; all alike: as it is. */
export function indexed(spread: Spread, axis: number, indices: readonly number[]): Spread {
  if ((spread.dims[axis] ?? 1) === 1) return spread;
  const steps = stepsOf(spread.dims);
  const dims = spread.dims.map((d, k) => (k === axis ? indices.length : d));
  return picked(spread, dims, (place) =>
    place.reduce((at, p, k) => at + (k === axis ? (indices[p] ?? 0) : p) * (steps[k] ?? 0), 0),
  );
}

/** Means over dims, of independent values. Where the indices of all of them are alike, as it is. */
export function averaged(spread: Spread, axes: readonly number[]): Spread {
  const own = axes.filter((k) => (spread.dims[k] ?? 1) > 1);
  if (own.length === 0) return spread;
  const moments = momentsOf(spread);
  const dims = spread.dims.map((d, k) => (own.includes(k) ? 1 : d));
  const count = countOf(dims);
  const each = countOf(spread.dims) / count;
  const [mean, variance] = [new Float64Array(count), new Float64Array(count)];
  const steps = stepsOf(dims);
  const from = stepsOf(spread.dims);
  for (let i = 0; i < moments.mean.length; i++) {
    let at = 0;
    for (let k = 0; k < dims.length; k++)
      if ((dims[k] ?? 1) > 1)
        at += (Math.floor(i / (from[k] ?? 1)) % (spread.dims[k] ?? 1)) * (steps[k] ?? 0);
    mean[at] = (mean[at] ?? 0) + (moments.mean[i] ?? 0) / each;
    variance[at] = (variance[at] ?? 0) + (moments.variance[i] ?? 0) / (each * each);
  }
  return gaussian({ dims, mean, variance });
}
