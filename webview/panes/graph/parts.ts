/**
 * What the graph is made of: nodes in their layers, layers in the groups that their names make, and at each level the
 * edges between its members. A level of very many members is cut into sections, so that each can be laid out.
 *
 * ```ts
 * const graph = await buildParts(view, rows);
 * graph.edges.get(rootKey)?.between;   // the groups and layers at the top
 * ```
 */
import type { GraphView, LayerRow } from '../../../src/protocol.ts';
import { tree, type TreeNode } from '../../lib/hierarchy.ts';
import { sliced } from '../../lib/sliced.ts';
import { levelEdges, type LevelEdges } from './level-edges.ts';

export type PartKind = 'root' | 'group' | 'section' | 'layer' | 'node' | 'input' | 'output';

export interface Part {
  /** Unique; that of a layer is its id, behind a mark of its kind. */
  readonly key: string;
  readonly kind: PartKind;
  readonly label: string;
  /** The operator; '' for groups and terminals. */
  readonly opType: string;
  /** The layer that it is or is part of. */
  readonly layerId: string | undefined;
  readonly parent: Part | undefined;
  readonly depth: number;
  /** Its index among its parent's children. */
  readonly place: number;
  readonly children: readonly Part[];
  /** Indices in `GraphView.nodes` of all nodes within; none of the root, of which nobody asks. */
  readonly nodes: readonly number[];
}

export interface GraphParts {
  readonly root: Part;
  readonly byKey: ReadonlyMap<string, Part>;
  /** The innermost part of each node, by its index. */
  readonly partOfNode: readonly (Part | undefined)[];
  /** Terminals by the tensor's index. */
  readonly inputs: ReadonlyMap<number, Part>;
  readonly outputs: ReadonlyMap<number, Part>;
  /** By key of the part whose children they join. */
  readonly edges: ReadonlyMap<string, LevelEdges>;
}

export const rootKey = 'root';
export const layerKey = (id: string): string => `layer ${id}`;

/** What one level of the layout takes well; larger ones are cut into sections. */
export const mostChildren = 100;

type Mutable = { -readonly [K in keyof Part]: Part[K] } & { children: Part[]; nodes: readonly number[] };

/** In slices: with ten thousand nodes it takes longer than a frame may. */
export function buildParts(view: GraphView, rows: readonly LayerRow[]): Promise<GraphParts> {
  return sliced(building(view, rows));
}

type Slices<T> = Generator<undefined, T, undefined>;

function* building(view: GraphView, rows: readonly LayerRow[]): Slices<GraphParts> {
  const builder = new Builder(view);
  const root = yield* builder.root(rows);
  const { byKey, partOfNode, inputs, outputs } = builder;
  const edges = yield* levelEdges(view, builder);
  return { root, byKey, partOfNode, inputs, outputs, edges };
}

class Builder {
  readonly byKey = new Map<string, Part>();
  readonly partOfNode: (Part | undefined)[] = [];
  readonly inputs = new Map<number, Part>();
  readonly outputs = new Map<number, Part>();
  readonly #view: GraphView;
  readonly #nodesOf = new Map<string, number[]>();

  constructor(view: GraphView) {
    this.#view = view;
    view.nodes.forEach(({ layerId }, index) => {
      const known = this.#nodesOf.get(layerId);
      if (known === undefined) this.#nodesOf.set(layerId, [index]);
      else known.push(index);
    });
  }

  *root(rows: readonly LayerRow[]): Slices<Part> {
    const root = this.#part(undefined, { key: rootKey, kind: 'root', label: '' });
    const known = rows.filter((row) => this.#nodesOf.has(row.id));
    const shown = tree(known);
    this.#view.tensors.forEach((tensor, index) => {
      if (tensor.from < 0) this.#terminal(root, 'input', tensor.name, index);
    });
    yield;
    yield* this.#addAll(root, shown);
    this.#view.tensors.forEach((tensor, index) => {
      if (tensor.isOutput) this.#terminal(root, 'output', tensor.name, index);
    });
    return root;
  }

  #terminal(root: Mutable, kind: 'input' | 'output', label: string, tensor: number): void {
    const part = this.#part(root, { key: `${kind} ${label}`, kind, label });
    this[kind === 'input' ? 'inputs' : 'outputs'].set(tensor, part);
    root.children.push(part);
  }

  /** Adds the children to `parent`, in sections where there are too many. */
  *#addAll(parent: Mutable, children: readonly TreeNode[]): Slices<void> {
    if (children.length <= mostChildren) {
      for (const child of children) {
        yield* this.#add(parent, child);
        yield;
      }
      return;
    }
    // sections of sections where even those are too many
    const size =
      mostChildren ** Math.max(1, Math.ceil(Math.log(children.length) / Math.log(mostChildren)) - 1);
    for (let from = 0; from < children.length; from += size) {
      const to = Math.min(children.length, from + size);
      const section = this.#part(parent, {
        key: `section ${parent.key} ${from}-${to}`,
        kind: 'section',
        label: `${nameOf(children[from])} … ${nameOf(children[to - 1])}`,
      });
      yield* this.#addAll(section, children.slice(from, to));
      this.#close(parent, section);
    }
  }

  *#add(parent: Mutable, child: TreeNode): Slices<void> {
    if (child.kind === 'group') {
      const group = this.#part(parent, { key: `group ${child.path}`, kind: 'group', label: child.label });
      yield* this.#addAll(group, child.children);
      this.#close(parent, group);
      return;
    }
    const { row, label } = child;
    const nodes = this.#nodesOf.get(row.id) ?? [];
    const { id: layerId, opType } = row;
    const layer = this.#part(parent, { key: layerKey(layerId), kind: 'layer', label, opType, layerId });
    layer.nodes = nodes;
    parent.children.push(layer);
    for (const index of nodes) this.partOfNode[index] = layer;
    if (nodes.length < 2) return;
    for (const index of nodes) {
      const node = this.#view.nodes[index];
      if (node === undefined) continue;
      const part = this.#part(layer, {
        key: `node ${node.id}`,
        kind: 'node',
        label: shortId(node.id),
        opType: node.opType,
        layerId,
      });
      part.nodes = [index];
      layer.children.push(part);
      this.partOfNode[index] = part;
    }
  }

  #close(parent: Mutable, group: Mutable): void {
    const nodes: number[] = [];
    for (const child of group.children) for (const node of child.nodes) nodes.push(node);
    group.nodes = nodes;
    parent.children.push(group);
  }

  #part(
    parent: Part | undefined,
    own: Pick<Part, 'key' | 'kind' | 'label'> & { opType?: string; layerId?: string },
  ): Mutable {
    const { key, kind, label, opType = '', layerId } = own;
    const depth = parent === undefined ? 0 : parent.depth + 1;
    // it is added to its parent's children before the next is made
    const place = parent?.children.length ?? 0;
    const part: Mutable = {
      key,
      kind,
      label,
      opType,
      layerId,
      parent,
      depth,
      place,
      children: [],
      nodes: [],
    };
    this.byKey.set(part.key, part);
    return part;
  }
}

function nameOf(node: TreeNode | undefined): string {
  return node?.label ?? '';
}

/** The last part of a path. */
function shortId(id: string): string {
  return id.slice(id.lastIndexOf('/', id.length - 2) + 1);
}

/** From the outermost below the root to the part's own parent. */
export function ancestorsOf(part: Part): readonly Part[] {
  const found: Part[] = [];
  for (let at = part.parent; at !== undefined && at.kind !== 'root'; at = at.parent) found.unshift(at);
  return found;
}

/** The outermost closed part that holds it, or itself. */
export function shownAs(part: Part, open: ReadonlySet<string>): Part {
  return ancestorsOf(part).find((a) => !open.has(a.key)) ?? part;
}

/** At most this many boxes are shown before a person opens any. */
const calmCount = 60;

/** Groups that are open at first: level by level, as long as the picture stays calm. */
export function openAtFirst({ root }: GraphParts): readonly string[] {
  const open: string[] = [];
  let level = root.children;
  let count = level.length;
  for (;;) {
    const groups = level.filter((p) => p.kind === 'group' || p.kind === 'section');
    const inside = groups.flatMap((g) => g.children);
    count += inside.length;
    if (groups.length === 0 || count > calmCount) return open;
    open.push(...groups.map((g) => g.key));
    level = inside;
  }
}
