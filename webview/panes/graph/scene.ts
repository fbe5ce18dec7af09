/** The laid-out graph in one plane: every shown part with its place, every edge with its way. */
import { layoutInput } from './box-size.ts';
import type { Point } from './layout-level.ts';
import { frame, outerSize, type Layout, type LayoutPart } from './layout-tree.ts';
import type { GraphParts, Part } from './parts.ts';

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Placed extends Box {
  readonly part: Part;
  readonly isOpen: boolean;
  /** Those of an open part. */
  readonly children: readonly Placed[];
  readonly routes: readonly (readonly Point[])[];
  readonly ports: readonly (readonly Point[])[];
}

export interface Scene {
  readonly root: Placed;
  readonly byKey: ReadonlyMap<string, Placed>;
}

export function sceneOf(graph: GraphParts, open: ReadonlySet<string>, layout: Layout): Scene {
  const byKey = new Map<string, Placed>();
  const place = (part: Part, { key, width, height, open: contents }: LayoutPart, at: Point): Placed => {
    const level = contents && layout.get(key);
    const size = level === undefined ? { width, height } : outerSize(level);
    const from = { x: at.x + frame.side, y: at.y + frame.top };
    const shift = (points: readonly Point[]): readonly Point[] =>
      points.map(({ x, y }) => ({ x: x + from.x, y: y + from.y }));
    const placed: Placed = {
      part,
      ...at,
      ...size,
      isOpen: level !== undefined,
      children: (contents?.children ?? []).flatMap((child, i) => {
        const [own, corner] = [part.children[i], level?.places[i]];
        return own === undefined || corner === undefined
          ? []
          : [place(own, child, { x: from.x + corner.x, y: from.y + corner.y })];
      }),
      routes: (level?.routes ?? []).map(shift),
      ports: (level?.ports ?? []).map(shift),
    };
    byKey.set(part.key, placed);
    return placed;
  };
  return { root: place(graph.root, layoutInput(graph, open), { x: 0, y: 0 }), byKey };
}

/** The innermost part at a point. */
export function hit({ root }: Scene, { x, y }: Point): Placed | undefined {
  let found: Placed | undefined;
  let level: readonly Placed[] = root.children;
  for (;;) {
    const inside = level.find((p) => x >= p.x && x <= p.x + p.width && y >= p.y && y <= p.y + p.height);
    if (inside === undefined) return found;
    found = inside;
    level = inside.children;
  }
}

export function overlaps(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}
