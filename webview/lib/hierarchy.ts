/**
 * The hierarchy that names carry (`/encoder/layer.3/attention/query/MatMul`), as a tree of groups with totals.
 *
 * ```ts
 * tree([row('/a/b/Conv'), row('/a/b/Relu')]);   // one group 'a/b' of two layers: a chain of lone groups is one
 * ```
 */
import type { LayerRow } from '../../src/protocol.ts';

export interface Totals {
  readonly parameterBytes: number;
  readonly activationBytes: number;
  readonly macs: number;
  /** Where true, a layer's activations are unknown and the sums are lower bounds. */
  readonly isAtLeast: boolean;
}

export interface Group {
  readonly kind: 'group';
  /** Unique; the names from the root, joined by '/'. */
  readonly path: string;
  readonly label: string;
  readonly totals: Totals;
  readonly rows: readonly LayerRow[];
  readonly children: readonly TreeNode[];
}

export interface Leaf {
  readonly kind: 'layer';
  readonly row: LayerRow;
  /** The part of the name below its group. */
  readonly label: string;
}

export type TreeNode = Group | Leaf;

/** The names above a layer and its own: by '/', or by '.' where there is no '/'. */
export function segmentsOf(name: string): readonly string[] {
  const parts = name.split(name.includes('/') ? '/' : '.').filter((part) => part !== '');
  return parts.length === 0 ? [name] : parts;
}

interface Building {
  readonly path: string;
  readonly label: string;
  readonly rows: LayerRow[];
  readonly groups: Map<string, Building>;
  /** In order of first appearance. */
  readonly children: (Building | Leaf)[];
}

const building = (path: string, label: string): Building => ({
  path,
  label,
  rows: [],
  groups: new Map(),
  children: [],
});

/** Groups and layers in order of first appearance. */
export function tree(rows: readonly LayerRow[]): readonly TreeNode[] {
  const root = building('', '');
  for (const row of rows) {
    const segments = segmentsOf(row.name);
    let at = root;
    for (const label of segments.slice(0, -1)) {
      let next = at.groups.get(label);
      if (next === undefined) {
        next = building(at.path === '' ? label : `${at.path}/${label}`, label);
        at.groups.set(label, next);
        at.children.push(next);
      }
      next.rows.push(row);
      at = next;
    }
    at.children.push({ kind: 'layer', row, label: segments.at(-1) ?? row.name });
  }
  return root.children.map(finish);
}

function finish(node: Building | Leaf): TreeNode {
  if ('kind' in node) return node;
  const [only] = node.children;
  // A group with one child says nothing its child does not.
  if (node.children.length === 1 && only !== undefined) {
    const child = finish(only);
    return { ...child, label: `${node.label}/${child.label}` };
  }
  return {
    kind: 'group',
    path: node.path,
    label: node.label,
    rows: node.rows,
    totals: totalsOf(node.rows),
    children: node.children.map(finish),
  };
}

export function totalsOf(rows: readonly LayerRow[]): Totals {
  let parameterBytes = 0;
  let activationBytes = 0;
  let macs = 0;
  let isAtLeast = false;
  for (const row of rows) {
    parameterBytes += row.parameterBytes;
    activationBytes += row.activationBytes ?? 0;
    macs += row.macs ?? 0;
    isAtLeast ||= row.activationBytes === undefined;
  }
  return { parameterBytes, activationBytes, macs, isAtLeast };
}
