/**
 * The bars behind a layer's figures. They are backgrounds of its row: one style of one element, however many bars,
 * where elements or backgrounds of cells would take longer than all else in a row.
 */
import type { LayerRow } from '../../../src/protocol.ts';
import type { ColumnId } from '../../state/columns.ts';
import { largestOf } from '../../state/rows.ts';

const barred = ['weights', 'activations', 'macs'] as const;
type BarredId = (typeof barred)[number];

/** Pixels between a bar and the edges of its cell. */
const inset = 4;

export interface BarColumn {
  readonly id: BarredId;
  /** Pixels from where bars begin to the right edge of the row. */
  readonly fromRight: number;
  /** Pixels of the longest bar. */
  readonly length: number;
}

/** The columns with bars among those shown; the padding at the right end of rows is taken in pixels. */
export function barColumns(
  shown: readonly ColumnId[],
  widthOf: (id: ColumnId) => number,
  padding: number,
): readonly BarColumn[] {
  return barred
    .filter((id) => shown.includes(id))
    .map((id) => {
      const right = shown.slice(shown.indexOf(id)).reduce((sum, next) => sum + widthOf(next), padding);
      return { id, fromRight: right - inset, length: widthOf(id) - 2 * inset };
    });
}

/** Value of `background-image` for all rows: what is, and last what the weights were. */
export function barImages(places: readonly BarColumn[]): string {
  const images = places.map(({ id }) => `linear-gradient(var(--bar-${id}) 0 0)`);
  if (places[0]?.id === 'weights') images.push('var(--bar-weights-before)');
  return images.length === 0 ? 'none' : images.join(', ');
}

export interface BarStyle {
  readonly backgroundSize: string;
  readonly backgroundPosition: string;
}

export function barStyle(row: LayerRow, places: readonly BarColumn[], rowHeight: number): BarStyle {
  const sizes: string[] = [];
  const positions: string[] = [];
  const draw = ({ fromRight, length }: BarColumn, value: number, largest: number): void => {
    const size = value <= 0 || largest === 0 ? 0 : Math.max(1, Math.round((length * value) / largest));
    sizes.push(`${size}px ${rowHeight - 2 * inset}px`);
    // 100 % is where the right edges of bar and row meet
    positions.push(`calc(100% - ${fromRight - size}px) ${inset}px`);
  };
  const largest = largestOf.value;
  for (const place of places) draw(place, figures[place.id](row) ?? 0, largest[place.id]);
  const weights = places[0];
  if (weights?.id === 'weights') draw(weights, weightsBefore(row) ?? 0, largest.weights);
  return { backgroundSize: sizes.join(), backgroundPosition: positions.join() };
}

const figures: Readonly<Record<BarredId, (row: LayerRow) => number | undefined>> = {
  weights: (row) => row.parameterBytes,
  activations: (row) => row.activationBytes,
  macs: (row) => row.macs,
};

/** Bytes of a layer's weights before the edits; undefined where they changed nothing. */
export function weightsBefore({ change, parameterBytes }: LayerRow): number | undefined {
  return change?.status === 'applied' && change.beforeBytes !== parameterBytes
    ? change.beforeBytes
    : undefined;
}
