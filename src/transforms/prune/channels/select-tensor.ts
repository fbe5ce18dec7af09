/** A tensor without the indices that go, picked while it streams by. */
import { elementBits } from '../../../onnx/datatype.ts';
import type { TensorRef } from '../../../onnx/model.ts';
import { originalOf, withOriginal } from '../../weights/original.ts';
import { elementChunks, type WeightSource } from '../../weights/stream.ts';

/** Positions that stay along one dim; how many there will be is known before. */
export interface KeptAxis {
  readonly axis: number;
  /** As in `Axis`: positions are counted through all groups, and which of them a row has its place along dim 0 tells. */
  readonly groups?: number | undefined;
  readonly count: number;
  readonly positions: (signal?: AbortSignal) => Promise<Int32Array>;
}

/** Whole bytes per element; undefined for types that share bytes. */
export function elementBytes(dataType: number): number | undefined {
  const bits = elementBits(dataType);
  return bits === undefined || bits % 8 !== 0 ? undefined : bits / 8;
}

export function selectedTensor(source: WeightSource, axes: readonly KeptAxis[], name: string): TensorRef {
  const { dims, dataType } = source.tensor;
  const bytes = elementBytes(dataType);
  if (bytes === undefined) throw new RangeError(`"${source.name}" has elements smaller than a byte`);
  const left = dims.map((d, k) => axes.find((a) => a.axis === k)?.count ?? d);
  const made: TensorRef = {
    name,
    dataType,
    dims: left,
    location: {
      kind: 'computed',
      byteLength: left.reduce((n, d) => n * d, bytes),
      produce: (signal) => selected(source, axes, bytes, signal),
    },
  };
  const original = originalOf(source.tensor);
  if (original === source.tensor) return made;
  return withOriginal(made, selectedTensor({ ...source, tensor: original }, axes, name));
}

async function* selected(
  source: WeightSource,
  axes: readonly KeptAxis[],
  bytes: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { dims } = source.tensor;
  const last = Math.max(...axes.map((a) => a.axis));
  const inner = dims.slice(last + 1).reduce((n, d) => n * d, 1);
  const masks = await Promise.all(dims.map((size, k) => maskOf(axes, k, size, signal)));
  const groups = axes.find((a) => a.axis === last)?.groups ?? 1;
  const runsOfGroup = inGroups(masks[last], groups).map((mask) =>
    runsOf(mask).map(([from, to]) => [from * inner, to * inner] as const),
  );
  const rowLength = (dims[last] ?? 1) * inner;
  const rowsOfGroup = dims.slice(0, last).reduce((n, d) => n * d, 1) / groups;
  const isKept = rowFilter(dims.slice(0, last), masks);
  for await (const chunk of elementChunks(source, bytes, signal)) {
    const out = new Uint8Array(chunk.bytes.length);
    let filled = 0;
    const end = chunk.start + chunk.bytes.length / bytes;
    for (let row = Math.floor(chunk.start / rowLength); row * rowLength < end; row++) {
      if (!isKept(row)) continue;
      const base = row * rowLength - chunk.start;
      for (const [from, to] of runsOfGroup[Math.floor(row / rowsOfGroup)] ?? []) {
        const a = Math.max(0, base + from);
        const b = Math.min(end - chunk.start, base + to);
        if (a >= b) continue;
        out.set(chunk.bytes.subarray(a * bytes, b * bytes), filled);
        filled += (b - a) * bytes;
      }
    }
    yield out.subarray(0, filled);
  }
}

async function maskOf(
  axes: readonly KeptAxis[],
  axis: number,
  size: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  const kept = axes.find((a) => a.axis === axis);
  if (kept === undefined) return undefined;
  const mask = new Uint8Array(size * (kept.groups ?? 1));
  for (const position of await kept.positions(signal)) mask[position] = 1;
  return mask;
}

function inGroups(mask: Uint8Array | undefined, groups: number): (Uint8Array | undefined)[] {
  const each = (mask?.length ?? 0) / groups;
  return Array.from({ length: groups }, (_, g) => mask?.subarray(g * each, (g + 1) * each));
}

/** Neighbours that stay together: [from, to). */
function runsOf(mask: Uint8Array | undefined): [number, number][] {
  const runs: [number, number][] = [];
  mask?.forEach((stays, i) => {
    if (stays === 0) return;
    const run = runs.at(-1);
    if (run?.[1] === i) run[1] = i + 1;
    else runs.push([i, i + 1]);
  });
  return runs;
}

/** Whether a row (an index of all the dims before the last that shrinks) stays. */
function rowFilter(
  dims: readonly number[],
  masks: readonly (Uint8Array | undefined)[],
): (row: number) => boolean {
  const checks: { mask: Uint8Array; stride: number; size: number }[] = [];
  let stride = 1;
  for (let k = dims.length - 1; k >= 0; k--) {
    const [size, mask] = [dims[k] ?? 1, masks[k]];
    if (mask !== undefined) checks.push({ mask, stride, size });
    stride *= size;
  }
  return (row) => checks.every((c) => c.mask[Math.floor(row / c.stride) % c.size] === 1);
}
