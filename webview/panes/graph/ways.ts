/** The ways of single tensors, from where they are made to where they are taken, across groups. */
import type { GraphView } from '../../../src/protocol.ts';
import type { Point } from './layout-level.ts';
import { sourceOf, targetsOf } from './neighbours.ts';
import { shownAs, type GraphParts } from './parts.ts';
import type { Placed, Scene } from './scene.ts';

/** More are a web, not information. */
const mostWays = 80;

export function waysOf(
  tensors: readonly number[],
  { view, graph }: { readonly view: GraphView; readonly graph: GraphParts },
  { byKey }: Scene,
  open: ReadonlySet<string>,
): readonly (readonly Point[])[] {
  const ways: (readonly Point[])[] = [];
  for (const index of tensors) {
    const tensor = view.tensors[index];
    const source = tensor && sourceOf(graph, tensor, index);
    const from = source && byKey.get(shownAs(source, open).key);
    if (tensor === undefined || from === undefined) continue;
    for (const target of targetsOf(graph, tensor, index)) {
      const to = byKey.get(shownAs(target, open).key);
      if (to === undefined || to === from) continue;
      ways.push([bottom(from), top(to)]);
      if (ways.length === mostWays) return ways;
    }
  }
  return ways;
}

const bottom = ({ x, y, width, height }: Placed): Point => ({ x: x + width / 2, y: y + height });
const top = ({ x, y, width }: Placed): Point => ({ x: x + width / 2, y });
