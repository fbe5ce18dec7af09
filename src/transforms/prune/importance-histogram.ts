/** How much the channels or the weights of a layer matter, with where the cut is at each ratio. */
import type { Model } from '../../onnx/model.ts';
import { MAX_HISTOGRAM_BINS, weightHistogram } from '../auto/weight-histogram.ts';
import type { ChannelImportance } from '../recipe/recipe.ts';
import { unitsKept } from './channels/groups.ts';
import { channelScores } from './channels/scores.ts';
import { zeroCount } from './zeroed-tensor.ts';

export interface Cut {
  /** Channels, or weights, that go. */
  readonly gone: number;
  /** They have less importance than that, or as much. */
  readonly below: number;
}

export interface ImportanceHistogram {
  readonly unit: 'channel' | 'weight';
  /** Channels, or weights, in all. */
  readonly count: number;
  readonly min: number;
  readonly max: number;
  /** Per bin, of equal bins from `min` to `max`. */
  readonly counts: readonly number[];
  /** What an edit of that layer takes at a ratio of 0 %, 1 %, …, 100 %. */
  readonly cuts: readonly Cut[];
}

/** Of an edit of channels, what decides how many go. */
export interface ChannelCuts {
  readonly importance: ChannelImportance;
  readonly roundTo?: number | undefined;
  /** Without it, what is not exact stays. */
  readonly approximate?: boolean | undefined;
}

/** Enough for a shape; more would be single channels. */
const bins = 72;

/** One per group of channels of the layer; none where none can go. Streams the weights that the group has. */
export async function channelImportance(
  model: Model,
  node: string,
  { importance, roundTo, approximate }: ChannelCuts,
  signal: AbortSignal,
): Promise<ImportanceHistogram[]> {
  const groups = await channelScores(model, node, { importance, approximate, signal });
  return groups.map(({ scores, channels }) => {
    const sorted = scores.slice().sort();
    const [min, max] = [sorted[0] ?? 0, sorted.at(-1) ?? 0];
    const counts = new Array<number>(bins).fill(0);
    for (const score of sorted) add(counts, score, min, max, channels / scores.length);
    const cuts = percents((ratio): Cut => {
      const gone = scores.length - unitsKept(scores.length, ratio, roundTo, channels);
      return { gone: (gone * channels) / scores.length, below: sorted[gone] ?? max };
    });
    return { unit: 'channel', count: channels, min, max, counts, cuts };
  });
}

/** Magnitudes, from bins of the values that are far finer than what is drawn. */
export async function weightImportance(
  model: Model,
  node: string,
  signal: AbortSignal,
): Promise<ImportanceHistogram> {
  const {
    counts,
    count,
    min: low,
    max: high,
  } = await weightHistogram(model, node, {
    bins: MAX_HISTOGRAM_BINS,
    signal,
  });
  const max = Math.max(Math.abs(low), Math.abs(high));
  const width = (high - low) / counts.length;
  const found = [...counts].map((n, i) => ({ n, magnitude: Math.abs(low + (i + 0.5) * width) }));
  found.sort((a, b) => a.magnitude - b.magnitude);
  const drawn = new Array<number>(bins).fill(0);
  for (const { n, magnitude } of found) add(drawn, magnitude, 0, max, n);
  let [at, below] = [0, 0];
  const cuts = percents((ratio): Cut => {
    const gone = zeroCount([count], ratio);
    while (at < found.length - 1 && below + (found[at]?.n ?? 0) < gone) below += found[at++]?.n ?? 0;
    return { gone, below: gone === 0 ? 0 : (found[at]?.magnitude ?? max) };
  });
  return { unit: 'weight', count, min: 0, max, counts: drawn, cuts };
}

function add(counts: number[], value: number, min: number, max: number, n: number): void {
  const bin =
    max === min ? 0 : Math.min(counts.length - 1, Math.floor(((value - min) / (max - min)) * counts.length));
  counts[bin] = (counts[bin] ?? 0) + n;
}

/** Ascending. */
function percents(at: (share: number) => Cut): Cut[] {
  return Array.from({ length: 101 }, (_, i) => at(i / 100));
}
