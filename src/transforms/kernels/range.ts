/** Smallest and largest value of a tensor, or of each of its channels. */
import { rangeVectors, vectorEnd } from './linear-vectors.ts';
import type { Values } from './values.ts';

/** Element `e` belongs to channel `floor(e / inner) % channels`; one channel for a whole tensor. */
export interface ChannelLayout {
  readonly channels: number;
  readonly inner: number;
}

export const WHOLE_TENSOR: ChannelLayout = { channels: 1, inner: 1 };

/** Per channel; 0 always lies within, so that 0 is represented exactly. */
export interface Ranges {
  readonly min: Float32Array;
  readonly max: Float32Array;
}

export interface RangeArgs {
  readonly values: Values;
  /** Index of the first value in the tensor. */
  readonly start: number;
  readonly layout: ChannelLayout;
}

export interface RangeResult extends Ranges {
  /** Index in the tensor of the first NaN or infinity; -1 where all are finite. */
  readonly badIndex: number;
}

export function emptyRanges(channels: number): Ranges {
  return { min: new Float32Array(channels), max: new Float32Array(channels) };
}

export function range({ values: given, start, layout }: RangeArgs): RangeResult {
  const vectors = rangeVectors(given, layout.channels);
  const { values } = vectors;
  const found = { isFinite: true };
  const note = (isFinite: boolean): void => {
    found.isFinite &&= isFinite;
  };
  const run = (from: number, to: number, channel: number): void => {
    const middle = vectorEnd(from, to);
    if (middle > from) note(vectors.run(from, middle, channel));
    for (let i = middle; i < to; i++) note(add(vectors, channel, values[i] as number));
  };
  const row = (from: number, to: number, channel: number): void => {
    const middle = vectorEnd(from, to);
    if (middle > from) note(vectors.row(from, middle, channel));
    for (let i = middle; i < to; i++) note(add(vectors, channel + i - from, values[i] as number));
  };
  forEachPart(values.length, start, layout, run, row);
  const [min, max] = [vectors.min.slice(), vectors.max.slice()];
  const badIndex = found.isFinite ? -1 : start + values.findIndex((v) => !Number.isFinite(v));
  return { min, max, badIndex };
}

function add({ min, max }: Ranges, channel: number, v: number): boolean {
  if (v < (min[channel] as number)) min[channel] = v;
  if (v > (max[channel] as number)) max[channel] = v;
  return Number.isFinite(v);
}

export function mergeRanges(into: Ranges, from: Ranges): void {
  for (let c = 0; c < into.min.length; c++) {
    into.min[c] = Math.min(into.min[c] ?? 0, from.min[c] ?? 0);
    into.max[c] = Math.max(into.max[c] ?? 0, from.max[c] ?? 0);
  }
}

type Visit = (from: number, to: number, channel: number) => void;

/**
 * Cuts a chunk into runs `[from, to)` of one channel, or, where the channels are the last axis, into rows `[from, to)`
 * of one value per channel, from `channel` on.
 */
export function forEachPart(
  length: number,
  start: number,
  { channels, inner }: ChannelLayout,
  run: Visit,
  row: Visit,
): void {
  if (channels === 1) {
    if (length > 0) run(0, length, 0);
    return;
  }
  let from = 0;
  while (from < length) {
    const index = start + from;
    const channel = Math.floor(index / inner) % channels;
    // a row ends with the last channel, a run with its channel
    const left = inner === 1 ? channels - channel : inner - (index % inner);
    const to = Math.min(length, from + left);
    if (inner === 1) row(from, to, channel);
    else run(from, to, channel);
    from = to;
  }
}
