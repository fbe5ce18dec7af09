/** What the layer table lists, top to bottom: the layers that the filter keeps, sorted, under their groups or flat. */
import { computed } from '@preact/signals';
import type { LayerRow } from '../../src/protocol.ts';
import { type Group, type Totals, type TreeNode, tree } from '../lib/hierarchy.ts';
import { matchRows } from '../lib/match.ts';
import { compareValues, sortRows, type SortValue } from '../lib/sort.ts';
import type { ColumnId } from './columns.ts';
import { columns } from './columns.ts';
import { layers, viewState } from './store.ts';
import type { Sort } from './view-state.ts';

export type Item =
  | {
      readonly kind: 'layer';
      readonly key: string;
      readonly depth: number;
      readonly label: string;
      readonly row: LayerRow;
    }
  | {
      readonly kind: 'group';
      readonly key: string;
      readonly depth: number;
      readonly isOpen: boolean;
      readonly group: Group;
    };

/** Keys of groups stand beside ids of layers: they begin as no id does. */
const groupMark = '\u0000';
const groupKey = (path: string): string => groupMark + path;
export const isGroupKey = (key: string): boolean => key.startsWith(groupMark);

// Signals of parts of the view state: the table must not be sorted anew because the side panel was moved.
const sort = computed(() => viewState.value.sort);
const filter = computed(() => viewState.value.filter);
const kind = computed(() => viewState.value.kind);
const isGrouped = computed(() => viewState.value.isGrouped);
const collapsed = computed(() => viewState.value.collapsed);

const matching = computed(() => matchRows(layers.value, filter.value, kind.value));

export const items = computed<readonly Item[]>(() => {
  if (!isGrouped.value) {
    return sortRows(matching.value, sort.value).map((row) => ({
      kind: 'layer',
      key: row.id,
      depth: 0,
      label: row.name,
      row,
    }));
  }
  const flat: Item[] = [];
  flatten(tree(matching.value), 0, new Set(collapsed.value), flat);
  return flat;
});

/** The largest figure of each column, that in-cell bars are measured by. */
export const largestOf = computed(() => {
  const largest = { weights: 0, activations: 0, macs: 0 };
  for (const row of layers.value) {
    largest.weights = Math.max(largest.weights, row.parameterBytes, row.change?.beforeBytes ?? 0);
    largest.activations = Math.max(largest.activations, row.activationBytes ?? 0);
    largest.macs = Math.max(largest.macs, row.macs ?? 0);
  }
  return largest;
});

/** Weight bytes of the whole model, that shares are of. */
export const allWeights = computed(() => layers.value.reduce((sum, row) => sum + row.parameterBytes, 0));

function flatten(nodes: readonly TreeNode[], depth: number, hidden: ReadonlySet<string>, into: Item[]): void {
  for (const node of ordered(nodes, sort.value)) {
    if (node.kind === 'layer') {
      into.push({ kind: 'layer', key: node.row.id, depth, label: node.label, row: node.row });
      continue;
    }
    const isOpen = !hidden.has(node.path);
    into.push({ kind: 'group', key: groupKey(node.path), depth, isOpen, group: node });
    if (isOpen) flatten(node.children, depth + 1, hidden, into);
  }
}

function ordered(nodes: readonly TreeNode[], by: Sort | undefined): readonly TreeNode[] {
  if (by === undefined) return nodes;
  return nodes
    .map((node) => ({
      node,
      value: node.kind === 'layer' ? columns[by.column].sortValue(node.row) : groupValue(node, by.column),
    }))
    .sort((a, b) => compareValues(a.value, b.value, by.isDescending))
    .map(({ node }) => node);
}

const groupFigures: Readonly<Partial<Record<ColumnId, (totals: Totals) => number>>> = {
  weights: (totals) => totals.parameterBytes,
  share: (totals) => totals.parameterBytes,
  activations: (totals) => totals.activationBytes,
  macs: (totals) => totals.macs,
};

function groupValue(group: Group, column: ColumnId): SortValue {
  const figure = groupFigures[column];
  if (figure !== undefined) return figure(group.totals);
  return column === 'nodes' ? group.rows.length : group.label;
}
