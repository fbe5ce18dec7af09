/** Edges between the members of each level: a tensor from one group to another joins the two groups. */
import type { GraphView } from '../../../src/protocol.ts';
import type { GraphParts, Part } from './parts.ts';

export interface LevelEdge {
  /** Indices among the children of the level's part. */
  readonly from: number;
  readonly to: number;
  /** Indices in `GraphView.tensors`. */
  readonly tensors: readonly number[];
}

export interface LevelEdges {
  readonly between: readonly LevelEdge[];
  /** Children that take something from outside the level, or give something to it. */
  readonly takers: readonly number[];
  readonly givers: readonly number[];
}

interface Building {
  /** By both ends, see `pairKey`. */
  readonly between: Map<number, { from: number; to: number; tensors: number[] }>;
  readonly takers: Set<number>;
  readonly givers: Set<number>;
}

/** Unique for up to a million children; numbers are found faster than texts. */
const pairKey = (from: number, to: number): number => from * 2 ** 20 + to;

/** Yields between tensors, see `sliced`. */
export function* levelEdges(
  view: GraphView,
  { partOfNode, inputs, outputs }: Pick<GraphParts, 'partOfNode' | 'inputs' | 'outputs'>,
): Generator<undefined, ReadonlyMap<string, LevelEdges>, undefined> {
  const levels = new Map<string, Building>();
  const levelOf = (parent: Part): Building => {
    const known = levels.get(parent.key);
    if (known !== undefined) return known;
    const made: Building = { between: new Map(), takers: new Set(), givers: new Set() };
    levels.set(parent.key, made);
    return made;
  };
  const join = (source: Part, target: Part, tensor: number): void => {
    let [from, to] = [source, target];
    while (from.parent !== to.parent) {
      if (from.depth >= to.depth && from.parent !== undefined) {
        levelOf(from.parent).givers.add(from.place);
        from = from.parent;
      } else if (to.parent !== undefined) {
        levelOf(to.parent).takers.add(to.place);
        to = to.parent;
      }
    }
    if (from === to || from.parent === undefined) return;
    const { between } = levelOf(from.parent);
    const ends = { from: from.place, to: to.place };
    const key = pairKey(ends.from, ends.to);
    const edge = between.get(key);
    if (edge === undefined) between.set(key, { ...ends, tensors: [tensor] });
    else edge.tensors.push(tensor);
  };
  for (const [index, { from, to, isOutput }] of view.tensors.entries()) {
    yield;
    const source = from < 0 ? inputs.get(index) : partOfNode[from];
    if (source === undefined) continue;
    for (const node of to) {
      const target = partOfNode[node];
      if (target !== undefined) join(source, target, index);
    }
    const terminal = isOutput ? outputs.get(index) : undefined;
    if (terminal !== undefined) join(source, terminal, index);
  }
  return new Map(
    [...levels].map(([key, { between, takers, givers }]) => [
      key,
      { between: [...between.values()], takers: [...takers], givers: [...givers] },
    ]),
  );
}
