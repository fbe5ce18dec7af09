/** The columns of the layer table: what each shows, sorts by and copies. */
import type { TextKey } from '../l10n/index.ts';
import type { LayerRow } from '../../src/protocol.ts';

export const columnIds = [
  'name',
  'op',
  'shape',
  'type',
  'weights',
  'share',
  'activations',
  'macs',
  'sqnr',
  'nodes',
] as const;
export type ColumnId = (typeof columnIds)[number];

export interface Column {
  readonly title: TextKey;
  /** Pixels; the name column takes what is left as well. */
  readonly width: number;
  readonly minWidth: number;
  /** Pixels more where figures before and after stand side by side. */
  readonly extraWidth?: number;
  readonly isNumeric: boolean;
  readonly isShownAtFirst: boolean;
  /** What the table sorts by; undefined sorts last. */
  readonly sortValue: (row: LayerRow) => number | string | undefined;
  /** As copied: plain figures, so that a spreadsheet can count with them. */
  readonly copyText: (row: LayerRow) => string;
}

const text = (value: number | undefined): string => (value === undefined ? '' : String(value));

export const columns: Readonly<Record<ColumnId, Column>> = {
  name: {
    title: 'column.name',
    width: 120,
    minWidth: 120,
    isNumeric: false,
    isShownAtFirst: true,
    sortValue: (row) => row.name,
    copyText: (row) => row.name,
  },
  op: {
    title: 'column.op',
    width: 120,
    minWidth: 56,
    isNumeric: false,
    isShownAtFirst: true,
    sortValue: (row) => row.opType,
    copyText: (row) => row.opType,
  },
  shape: {
    title: 'column.shape',
    width: 136,
    minWidth: 64,
    isNumeric: false,
    isShownAtFirst: true,
    sortValue: (row) => row.outputShape,
    copyText: (row) => row.outputShape,
  },
  type: {
    title: 'column.type',
    width: 76,
    minWidth: 56,
    isNumeric: false,
    isShownAtFirst: false,
    sortValue: (row) => row.outputType,
    copyText: (row) => row.outputType,
  },
  weights: {
    title: 'column.weights',
    width: 156,
    minWidth: 84,
    extraWidth: 56,
    isNumeric: true,
    isShownAtFirst: true,
    sortValue: (row) => row.parameterBytes,
    copyText: (row) => text(row.parameterBytes),
  },
  share: {
    title: 'column.share',
    width: 76,
    minWidth: 64,
    isNumeric: true,
    isShownAtFirst: false,
    sortValue: (row) => row.parameterBytes,
    copyText: (row) => text(row.parameterBytes),
  },
  activations: {
    title: 'column.activations',
    width: 132,
    minWidth: 84,
    extraWidth: 40,
    isNumeric: true,
    isShownAtFirst: true,
    sortValue: (row) => row.activationBytes,
    copyText: (row) => text(row.activationBytes),
  },
  macs: {
    title: 'column.macs',
    width: 84,
    minWidth: 64,
    isNumeric: true,
    isShownAtFirst: true,
    sortValue: (row) => row.macs,
    copyText: (row) => text(row.macs),
  },
  sqnr: {
    title: 'column.sqnr',
    width: 104,
    minWidth: 64,
    isNumeric: true,
    isShownAtFirst: false,
    sortValue: (row) => (row.sqnrDb === 'inf' ? Infinity : row.sqnrDb),
    copyText: (row) => (row.sqnrDb === undefined ? '' : String(row.sqnrDb)),
  },
  nodes: {
    title: 'column.nodes',
    width: 68,
    minWidth: 56,
    isNumeric: true,
    isShownAtFirst: false,
    sortValue: (row) => row.nodes?.length,
    copyText: (row) => text(row.nodes?.length),
  },
};

/** What says least of memory gives way where there is no room for all; the first goes first. */
const givingWay: readonly ColumnId[] = ['nodes', 'type', 'shape', 'op'];

/**
 * Those of the chosen columns that there is room for: in a narrow editor figures are worth more than words, which the
 * details say, too.
 * @param room pixels; undefined where not known yet
 */
export function columnsWithin(
  room: number | undefined,
  chosen: readonly ColumnId[],
  widthOf: (id: ColumnId) => number,
): readonly ColumnId[] {
  if (room === undefined) return chosen;
  const needed = (ids: readonly ColumnId[]): number => ids.reduce((sum, id) => sum + widthOf(id), 0);
  let left = chosen;
  for (const id of givingWay) if (needed(left) > room) left = left.filter((other) => other !== id);
  return left;
}
