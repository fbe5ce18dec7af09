/** Where each layer and group lies in the treemap. */
import { hierarchy, treemap, treemapSquarify } from 'd3-hierarchy';
import type { LayerRow } from '../../../src/protocol.ts';
import { type Group, type TreeNode, tree } from '../../lib/hierarchy.ts';
import type { ShareMetric } from '../../state/view-state.ts';

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface LeafBox extends Box {
  readonly kind: 'layer';
  readonly row: LayerRow;
  readonly label: string;
  readonly value: number;
}

export interface GroupBox extends Box {
  readonly kind: 'group';
  readonly path: string;
  readonly label: string;
  readonly value: number;
  /** Whether it has a header to show the label in. */
  readonly hasHeader: boolean;
}

export const headerHeight = 18;
/** Thinner ones are not seen and cannot be hit. */
const smallestSide = 3;
/** More are a pattern, not information; the ground of their group stays. */
const mostLeaves = 2000;

export const metrics: Readonly<Record<ShareMetric, (row: LayerRow) => number>> = {
  weights: (row) => row.parameterBytes,
  activations: (row) => row.activationBytes ?? 0,
  macs: (row) => row.macs ?? 0,
};

export interface Layout {
  readonly boxes: readonly (LeafBox | GroupBox)[];
  /** The layers among them, largest first. */
  readonly leaves: readonly LeafBox[];
  /** Of everything shown, those too small to draw included. */
  readonly total: number;
  /** Groups from the root to the one shown. */
  readonly trail: readonly Group[];
}

/** @param path of the group to show; '' for all. One that is gone shows all. */
export function layout(
  rows: readonly LayerRow[],
  metric: ShareMetric,
  path: string,
  size: { readonly width: number; readonly height: number },
): Layout {
  const roots = tree(rows);
  const trail = trailTo(roots, path);
  const shown = trail.at(-1);
  const value = metrics[metric];
  const root = hierarchy<TreeNode | { readonly kind: 'root'; readonly children: readonly TreeNode[] }>(
    { kind: 'root', children: shown?.children ?? roots },
    (node) => (node.kind === 'layer' ? undefined : node.children),
  )
    .sum((node) => (node.kind === 'layer' ? value(node.row) : 0))
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  const placed = treemap<(typeof root)['data']>()
    .tile(treemapSquarify.ratio(1.3))
    .size([size.width, size.height])
    .paddingInner(2)
    .paddingOuter((node) => (node.depth > 0 ? 2 : 0)) // all four sides; the top again below
    .paddingTop((node) =>
      node.depth === 0 ? 0 : node.children !== undefined && hasHeader(node) ? headerHeight : 2,
    )
    .round(true)(root);
  const boxes: (LeafBox | GroupBox)[] = [];
  placed.each((node) => {
    const { data } = node;
    const box = { x: node.x0, y: node.y0, width: node.x1 - node.x0, height: node.y1 - node.y0 };
    if (data.kind === 'root' || box.width < smallestSide || box.height < smallestSide) return;
    const common = { ...box, label: data.label, value: node.value ?? 0 };
    if (data.kind === 'layer') boxes.push({ kind: 'layer', row: data.row, ...common });
    else boxes.push({ kind: 'group', path: data.path, hasHeader: hasHeader(node), ...common });
  });
  const leaves = boxes
    .filter((box) => box.kind === 'layer')
    .sort((a, b) => b.value - a.value)
    .slice(0, mostLeaves);
  const groups = boxes.filter((box) => box.kind === 'group');
  return { boxes: [...groups, ...leaves], leaves, total: root.value ?? 0, trail };
}

function hasHeader({ x0, x1, y0, y1 }: { x0: number; x1: number; y0: number; y1: number }): boolean {
  return x1 - x0 > 54 && y1 - y0 > headerHeight * 2;
}

function trailTo(nodes: readonly TreeNode[], path: string): readonly Group[] {
  for (const node of nodes) {
    if (node.kind !== 'group') continue;
    if (node.path === path) return [node];
    if (path.startsWith(`${node.path}/`)) {
      const below = trailTo(node.children, path);
      if (below.length > 0) return [node, ...below];
    }
  }
  return [];
}
