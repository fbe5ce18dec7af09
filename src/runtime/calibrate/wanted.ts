/** What a layer is to give, beside the rows that it reads. */
import type { GramTarget } from '../../analysis/calibration.ts';

/** One tensor's content, as numbers. */
export interface Values {
  readonly data: ArrayLike<number>;
  readonly dims: readonly number[];
}

export interface Wanted {
  readonly output: Values;
  /** Subtracted from it; it has the channels that are asked for alone. */
  readonly less: Values | undefined;
  readonly channels: Int32Array;
  readonly groups: number;
}

/** [groups, rows, channels / groups]: of each of these rows its channels. */
export function wantedRows(
  { output, less, channels, groups }: Wanted,
  rows: readonly number[],
  target: GramTarget,
): Float32Array {
  const each = channels.length / groups;
  const result = new Float32Array(rows.length * channels.length);
  const [of, minus] = [channelsOf(output, target), less && channelsOf(less, target)];
  for (const [r, row] of rows.entries())
    for (let c = 0; c < channels.length; c++) {
      const group = Math.floor(c / each);
      const value = output.data[placeOf(of, row, channels[c] as number)] as number;
      const taken = minus === undefined ? 0 : (less?.data[placeOf(minus, row, c)] as number);
      result[(group * rows.length + r) * each + c - group * each] = value - taken;
    }
  return result;
}

/** A row has a number per channel, `inner` elements apart; so many rows make an image. */
interface Layout {
  readonly channels: number;
  readonly inner: number;
}

function channelsOf({ dims }: Values, target: GramTarget): Layout {
  if (target.kind === 'rows') return { channels: dims.at(-1) ?? 1, inner: 1 };
  const axis = 1 + (target.turns ?? 0);
  return { channels: dims[axis] ?? 1, inner: dims.slice(axis + 1).reduce((a, b) => a * b, 1) };
}

function placeOf({ channels, inner }: Layout, row: number, channel: number): number {
  return (Math.floor(row / inner) * channels + channel) * inner + (row % inner);
}
