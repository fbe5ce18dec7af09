/** Places the members of one level in layers, top to bottom, by dagre (Sugiyama's method). Knows no DOM. */
import { graphlib, layout } from '@dagrejs/dagre';

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface LevelInput {
  readonly sizes: readonly Size[];
  /** Pairs of indices in `sizes`. */
  readonly edges: readonly (readonly [from: number, to: number])[];
  /** Members that take from outside the level, or give to it. */
  readonly takers: readonly number[];
  readonly givers: readonly number[];
}

export interface LevelLayout extends Size {
  /** Upper left corner of each member. */
  readonly places: readonly Point[];
  /** For each edge, the points it goes through; two where it goes straight. */
  readonly routes: readonly (readonly Point[])[];
  /** From the top of the level to the first that take from outside, and from the last that give to its bottom. */
  readonly ports: readonly (readonly Point[])[];
}

const gaps = { nodesep: 18, edgesep: 10, ranksep: 34 } as const;

/** dagre puts a dummy into every rank that an edge skips: many long edges would take it minutes. */
const mostDummies = 600;

const portOf = { takers: 'in', givers: 'out' } as const;

export function layoutLevel(input: LevelInput): LevelLayout {
  const { sizes, edges } = input;
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: 'TB', ...gaps });
  sizes.forEach(({ width, height }, i) => graph.setNode(String(i), { width, height }));
  const routed = routable(sizes.length, edges);
  for (const [from, to] of routed) graph.setEdge(String(from), String(to), {});
  const ports = portEdges(input);
  for (const [from, to] of ports) {
    for (const end of [from, to]) if (isPort(end)) graph.setNode(end, { width: 1, height: 1 });
    graph.setEdge(from, to, {});
  }
  layout(graph);
  return read(graph, input, routed, ports);
}

const isPort = (name: string): boolean => name === portOf.takers || name === portOf.givers;

type Edge = LevelInput['edges'][number];

/** All edges but the longest, where these would need too many dummies. */
function routable(count: number, edges: readonly Edge[]): ReadonlySet<Edge> {
  const rank = new Array<number>(count).fill(0);
  for (const [from, to] of [...edges].sort((a, b) => a[0] - b[0]))
    if (from < to) rank[to] = Math.max(rank[to] ?? 0, (rank[from] ?? 0) + 1);
  const span = ([from, to]: Edge): number => Math.abs((rank[to] ?? 0) - (rank[from] ?? 0)) - 1;
  const kept = new Set<Edge>();
  let dummies = 0;
  for (const edge of [...edges].sort((a, b) => span(a) - span(b))) {
    dummies += Math.max(0, span(edge));
    if (dummies > mostDummies) break;
    kept.add(edge);
  }
  return kept;
}

/** Only of members that nothing else in the level leads to, or from. */
function portEdges({ edges, takers, givers }: LevelInput): (readonly [string, string])[] {
  const targets = new Set(edges.map(([, to]) => to));
  const sources = new Set(edges.map(([from]) => from));
  return [
    ...takers.filter((i) => !targets.has(i)).map((i) => [portOf.takers, String(i)] as const),
    ...givers.filter((i) => !sources.has(i)).map((i) => [String(i), portOf.givers] as const),
  ];
}

function read(
  graph: graphlib.Graph,
  { sizes, edges }: LevelInput,
  routed: ReadonlySet<Edge>,
  ports: readonly (readonly [string, string])[],
): LevelLayout {
  const places = sizes.map(({ width, height }, i) => {
    const { x, y } = centreOf(graph, String(i));
    return { x: x - width / 2, y: y - height / 2 };
  });
  const routes = edges.map((edge) => {
    const [from, to] = edge;
    if (routed.has(edge)) return pointsOf(graph, String(from), String(to));
    return straight(places[from], sizes[from], places[to], sizes[to]);
  });
  const { width = 0, height = 0 } = graph.graph() as Partial<Size>;
  return { places, routes, ports: ports.map(([from, to]) => pointsOf(graph, from, to)), width, height };
}

function centreOf(graph: graphlib.Graph, name: string): Point {
  const { x = 0, y = 0 } = graph.node(name) as Partial<Point>;
  return { x, y };
}

function pointsOf(graph: graphlib.Graph, from: string, to: string): readonly Point[] {
  const { points = [] } = graph.edge(from, to) as { readonly points?: readonly Point[] };
  return points.map(({ x, y }) => ({ x, y }));
}

/** From the middle of the lower side to the middle of the upper. */
function straight(from: Point | undefined, a: Size | undefined, to: Point | undefined, b: Size | undefined) {
  if (from === undefined || a === undefined || to === undefined || b === undefined) return [];
  return [
    { x: from.x + a.width / 2, y: from.y + a.height },
    { x: to.x + b.width / 2, y: to.y },
  ];
}
