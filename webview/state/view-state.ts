/** What the page remembers for a document: tab, columns, sort, filter, budget. Kept by the host as plain JSON. */
import { type ColumnId, columnIds, columns } from './columns.ts';

export const tabs = [
  'layers',
  'timeline',
  'treemap',
  'graph',
  'compare',
  'checks',
  'sensitivity',
  'overview',
] as const;
export type Tab = (typeof tabs)[number];

export const layerKinds = ['all', 'weights', 'changed', 'quantizable', 'unknown'] as const;
/** Which layers the table lists. */
export type LayerKind = (typeof layerKinds)[number];

export const shareMetrics = ['weights', 'activations', 'macs'] as const;
/** What areas of the treemap stand for. */
export type ShareMetric = (typeof shareMetrics)[number];

export const graphMetrics = ['weights', 'activations', 'alive'] as const;
/** What the graph is coloured by. */
export type GraphMetric = (typeof graphMetrics)[number];

export interface Sort {
  readonly column: ColumnId;
  readonly isDescending: boolean;
}

export interface ViewState {
  readonly tab: Tab;
  /** undefined: execution order. */
  readonly sort: Sort | undefined;
  readonly filter: string;
  readonly kind: LayerKind;
  readonly shown: readonly ColumnId[];
  /** Pixels, where a person chose another width. */
  readonly widths: Readonly<Partial<Record<ColumnId, number | undefined>>>;
  readonly isGrouped: boolean;
  readonly collapsed: readonly string[];
  /** undefined: what the host proposes. */
  readonly budgetBytes: number | undefined;
  readonly isSummaryOpen: boolean;
  /** undefined: where there is room. */
  readonly isSideOpen: boolean | undefined;
  readonly sideWidth: number;
  readonly isSpreadOpen: boolean;
  readonly shareMetric: ShareMetric;
  readonly withWeights: boolean;
  readonly graphMetric: GraphMetric;
  /** Keys of the parts that are open; undefined: as many as the picture stays calm with. */
  readonly graphOpen: readonly string[] | undefined;
}

export const sideWidthRange = { min: 220, max: 560 } as const;

export const defaultViewState: ViewState = {
  tab: 'layers',
  sort: undefined,
  filter: '',
  kind: 'all',
  shown: columnIds.filter((id) => columns[id].isShownAtFirst),
  widths: {},
  isGrouped: false,
  collapsed: [],
  budgetBytes: undefined,
  isSummaryOpen: true,
  isSideOpen: undefined,
  sideWidth: 300,
  isSpreadOpen: false,
  shareMetric: 'weights',
  withWeights: false,
  graphMetric: 'weights',
  graphOpen: undefined,
};

const early: readonly ColumnId[] = ['name', 'op', 'type', 'weights', 'share'];

/** Whether the rows, and their order, are the same before the figures are there. */
export function isOrderedEarly({ tab, sort, kind }: ViewState): boolean {
  return tab === 'layers' && (sort === undefined || early.includes(sort.column)) && kind === 'all';
}

/** What an earlier version, or nobody, wrote: each field that does not fit takes its default. */
export function parseViewState(saved: Readonly<Record<string, unknown>>): ViewState {
  const d = defaultViewState;
  return {
    tab: oneOf(tabs, saved['tab']) ?? d.tab,
    sort: parseSort(saved['sort']),
    filter: typeof saved['filter'] === 'string' ? saved['filter'] : d.filter,
    kind: oneOf(layerKinds, saved['kind']) ?? d.kind,
    shown: parseShown(saved['shown']),
    widths: parseWidths(saved['widths']),
    isGrouped: flag(saved['isGrouped'], d.isGrouped),
    collapsed: strings(saved['collapsed']),
    budgetBytes: positive(saved['budgetBytes']),
    isSummaryOpen: flag(saved['isSummaryOpen'], d.isSummaryOpen),
    isSideOpen: typeof saved['isSideOpen'] === 'boolean' ? saved['isSideOpen'] : d.isSideOpen,
    sideWidth: clampSideWidth(positive(saved['sideWidth']) ?? d.sideWidth),
    isSpreadOpen: flag(saved['isSpreadOpen'], d.isSpreadOpen),
    shareMetric: oneOf(shareMetrics, saved['shareMetric']) ?? d.shareMetric,
    withWeights: flag(saved['withWeights'], d.withWeights),
    graphMetric: oneOf(graphMetrics, saved['graphMetric']) ?? d.graphMetric,
    graphOpen: Array.isArray(saved['graphOpen']) ? strings(saved['graphOpen']) : d.graphOpen,
  };
}

export function clampSideWidth(width: number): number {
  return Math.min(sideWidthRange.max, Math.max(sideWidthRange.min, Math.round(width)));
}

function oneOf<T extends string>(values: readonly T[], value: unknown): T | undefined {
  return values.find((v) => v === value);
}

function flag(value: unknown, otherwise: boolean): boolean {
  return typeof value === 'boolean' ? value : otherwise;
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : undefined;
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((v) => typeof v === 'string') : [];
}

function parseSort(value: unknown): Sort | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { column, isDescending }: { column?: unknown; isDescending?: unknown } = value;
  const id = oneOf(columnIds, column);
  return id === undefined ? undefined : { column: id, isDescending: isDescending === true };
}

function parseShown(value: unknown): readonly ColumnId[] {
  if (!Array.isArray(value)) return defaultViewState.shown;
  // The name stays: a table of figures that belong to nothing helps nobody.
  return columnIds.filter((id) => id === 'name' || value.includes(id));
}

function parseWidths(value: unknown): ViewState['widths'] {
  if (typeof value !== 'object' || value === null) return {};
  const saved: Readonly<Record<string, unknown>> = { ...value };
  const widths: Partial<Record<ColumnId, number>> = {};
  for (const id of columnIds) {
    const width = positive(saved[id]);
    if (width !== undefined) widths[id] = Math.max(columns[id].minWidth, Math.round(width));
  }
  return widths;
}
