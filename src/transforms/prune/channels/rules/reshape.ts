/**
 * Which dims of a reshaped tensor are which dims of the tensor before. Both shapes are cut into the finest factors that
 * they have in common: [8, 64] and [8·2, 32] into 8, 2, 32. A dim of several factors can shrink along one of them only.
 */
import type { Dim } from '../../../../analysis/types.ts';
import { sameDim } from '../../../../analysis/dim.ts';
import { FIXED, isTracked, type Axis, type Tracked } from '../axis.ts';
import type { RuleContext } from '../rule.ts';

interface Block {
  readonly ins: readonly number[];
  readonly outs: readonly number[];
}

export function reshapeAxes(
  c: RuleContext,
  from: readonly Dim[],
  axes: readonly Axis[],
  to: readonly Dim[],
): Axis[] {
  const result = to.map((): Axis => c.stays('reshapes it'));
  for (const { ins, outs } of blocksOf(from, to)) {
    const [i, o] = [ins[0] ?? 0, outs[0] ?? 0];
    if (ins.length === 1 && outs.length === 1) {
      result[o] = axes[i] ?? FIXED;
      continue;
    }
    if (!ins.some((k) => isTracked(axes[k]) || axes[k]?.factor)) continue;
    regroup(c, { ins, outs }, from, axes, to, result);
  }
  return result;
}

/** Parts of both shapes that hold the same elements. Dims of symbols come alone, or in the one block in the middle. */
function blocksOf(from: readonly Dim[], to: readonly Dim[]): Block[] {
  const blocks: Block[] = [];
  let start = 0;
  while (start < from.length && start < to.length && sameDim(from[start] ?? 0, to[start] ?? 0)) {
    blocks.push({ ins: [start], outs: [start] });
    start++;
  }
  let [i, o] = [from.length, to.length];
  for (;;) {
    const found = lastBlock(from, to, start, i, o);
    if (found === undefined) break;
    blocks.push(found);
    [i, o] = [found.ins[0] ?? start, found.outs[0] ?? start];
  }
  const range = (a: number, b: number) => Array.from({ length: Math.max(0, b - a) }, (_, k) => a + k);
  if (i > start || o > start) blocks.push({ ins: range(start, i), outs: range(start, o) });
  return blocks;
}

/** The shortest dims at the end of `from[start, i)` and `to[start, o)` with the same number of elements. */
function lastBlock(
  from: readonly Dim[],
  to: readonly Dim[],
  start: number,
  i: number,
  o: number,
): Block | undefined {
  if (i <= start || o <= start) return undefined;
  const [last, lastTo] = [from[i - 1] ?? 0, to[o - 1] ?? 0];
  if (sameDim(last, lastTo)) return { ins: [i - 1], outs: [o - 1] };
  let [a, b] = [i - 1, o - 1];
  let [size, sizeTo] = [last, lastTo];
  while (typeof size === 'number' && typeof sizeTo === 'number' && size !== sizeTo) {
    if (size < sizeTo) {
      if (a === start) return undefined;
      const next: Dim = from[--a] ?? 0;
      size = typeof next === 'number' ? size * next : next;
    } else {
      if (b === start) return undefined;
      const next: Dim = to[--b] ?? 0;
      sizeTo = typeof next === 'number' ? sizeTo * next : next;
    }
  }
  if (typeof size !== 'number' || typeof sizeTo !== 'number' || size === 0) return undefined;
  const range = (x: number, y: number) => Array.from({ length: y - x }, (_, k) => x + k);
  return { ins: range(a, i), outs: range(b, o) };
}

function regroup(
  c: RuleContext,
  { ins, outs }: Block,
  from: readonly Dim[],
  axes: readonly Axis[],
  to: readonly Dim[],
  result: Axis[],
): void {
  const sizes = ins.map((k) => from[k]);
  const outSizes = outs.map((k) => to[k]);
  const factors = commonFactors(sizes, outSizes);
  if (factors === undefined) {
    for (const k of ins) c.block(axes[k], 'reshapes it in a way that no index can leave');
    return;
  }
  let at = 0;
  const parts = ins.flatMap((k) => {
    const own = takeFactors(factors, at, Number(from[k]));
    at += own.length;
    return splitAxis(c, axes[k] ?? FIXED, own, `${c.id}:${k}`);
  });
  at = 0;
  for (const k of outs) {
    const own = takeFactors(factors, at, Number(to[k]));
    result[k] = mergeAxes(c, parts.slice(at, at + own.length), own);
    at += own.length;
  }
}

/** Sizes, each above 1, of which the dims of both are products of neighbours; undefined where there are none. */
function commonFactors(a: readonly unknown[], b: readonly unknown[]): number[] | undefined {
  if (![...a, ...b].every((d) => typeof d === 'number' && d > 0)) return undefined;
  const strides = new Set<number>();
  for (const dims of [a, b] as (readonly number[])[]) {
    let stride = 1;
    for (const d of dims.toReversed()) strides.add((stride *= d));
  }
  strides.delete(1);
  const sorted = [...strides].sort((x, y) => x - y);
  const factors = sorted.map((s, i) => s / (sorted[i - 1] ?? 1));
  return factors.every(Number.isInteger) ? factors.toReversed() : undefined;
}

function takeFactors(factors: readonly number[], at: number, size: number): number[] {
  const own: number[] = [];
  for (let product = 1; product < size;) {
    const factor = factors[at + own.length] ?? size;
    own.push(factor);
    product *= factor;
  }
  return own;
}

/** One axis per factor: one of them can shrink, the others stay. */
export function splitAxis(
  c: RuleContext,
  axis: Axis,
  sizes: readonly number[],
  key: string,
  only?: number,
): Axis[] {
  if (sizes.length <= 1) return sizes.map(() => axis);
  if (!isTracked(axis)) return sizes.map(() => axis);
  const chosen = only ?? c.preferred(key) ?? chooseFactor(c, axis.atoms, sizes);
  return sizes.map((size, f): Axis => {
    const factor = { split: key, factor: f };
    if (f !== chosen) return { ...c.stays('takes it apart along another dim'), factor };
    const inner = product(sizes.slice(f + 1));
    const atoms = Int32Array.from({ length: size }, (_, p) => axis.atoms[p * inner] ?? 0);
    axis.atoms.forEach((atom, i) => c.uniteAll([atom, atoms[Math.floor(i / inner) % size] ?? 0]));
    return { ...axis, atoms: c.register(atoms), factor };
  });
}

/** The factor along which the indices are tied already (the groups of a Conv), else the last one. */
function chooseFactor(c: RuleContext, atoms: Int32Array, sizes: readonly number[]): number {
  const tied = sizes.findIndex((size, f) => {
    const inner = product(sizes.slice(f + 1));
    return atoms.every((atom, i) => c.sameClass(atom, atoms[(Math.floor(i / inner) % size) * inner] ?? 0));
  });
  return tied < 0 ? sizes.length - 1 : tied;
}

/** One axis of several factors: where more than one could shrink, the first that is more than a fill. */
export function mergeAxes(c: RuleContext, parts: readonly Axis[], sizes: readonly number[]): Axis {
  if (parts.length === 1) return parts[0] ?? FIXED;
  const tracked = parts.filter(isTracked);
  const best =
    tracked.find((p) => p.isFill !== true && !c.isBlocked(p)) ??
    tracked.find((p) => p.isFill !== true) ??
    tracked[0];
  for (const other of tracked)
    if (other !== best) c.block(other, 'merges it with another dim that can shrink');
  const factor = parts.find((p) => p.factor !== undefined)?.factor;
  if (best === undefined) return factor === undefined ? FIXED : { ...FIXED, factor };
  const at = parts.indexOf(best);
  return { ...best, factor: best.factor ?? factor, atoms: c.register(spread(best, at, sizes)) };
}

function spread({ atoms }: Tracked, at: number, sizes: readonly number[]): Int32Array {
  const inner = product(sizes.slice(at + 1));
  return Int32Array.from(
    { length: product(sizes) },
    (_, i) => atoms[Math.floor(i / inner) % atoms.length] ?? 0,
  );
}

export function product(sizes: readonly number[]): number {
  return sizes.reduce((n, s) => n * s, 1);
}
