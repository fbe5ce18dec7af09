import assert from 'node:assert/strict';
import type { GraphView } from '../../../src/protocol.ts';
import { layoutInput } from '../../../webview/panes/graph/box-size.ts';
import { layoutLevel } from '../../../webview/panes/graph/layout-level.ts';
import { frame, layoutTree, LevelCache } from '../../../webview/panes/graph/layout-tree.ts';
import { findParts } from '../../../webview/panes/graph/find.ts';
import { figuresOf } from '../../../webview/panes/graph/metrics.ts';
import { neighboursOf } from '../../../webview/panes/graph/neighbours.ts';
import {
  buildParts,
  mostChildren,
  openAtFirst,
  rootKey,
  shownAs,
  type GraphParts,
} from '../../../webview/panes/graph/parts.ts';
import { routePath, SvgPen } from '../../../webview/panes/graph/pen.ts';
import { hit, overlaps, sceneOf, type Placed } from '../../../webview/panes/graph/scene.ts';
import { fit, reveal, shownBox, toPlane, zoomAt } from '../../../webview/panes/graph/viewport.ts';
import { row } from './rows.ts';

type Spec = readonly [id: string, layerId: string, from: readonly string[], to: string];

/** Nodes by their inputs' and output's names; `x` is the model's input, what nobody takes its output. */
function viewOf(specs: readonly Spec[]): GraphView {
  const names = ['x', ...specs.map(([, , , to]) => to)];
  const takers = new Map<string, number[]>();
  specs.forEach(([, , from], index) => {
    for (const name of from) takers.set(name, [...(takers.get(name) ?? []), index]);
  });
  return {
    nodes: specs.map(([id, layerId], i) => ({
      id,
      opType: id.slice(id.lastIndexOf('/') + 1),
      layerId,
      parameterBytes: 100 * (i + 1),
      activationBytes: i === 2 ? undefined : 10,
      aliveBytes: 20 - i,
    })),
    tensors: names.map((name, i) => ({
      name,
      bytes: 10,
      from: i - 1,
      to: takers.get(name) ?? [],
      isOutput: i > 0 && !takers.has(name),
    })),
    omittedNodes: 0,
  };
}

/** x → enc/a (MatMul, Relu) → enc/b, and a skip from a to head. */
const small = viewOf([
  ['/enc/a/MatMul', 'a', ['x'], 't0'],
  ['/enc/a/Relu', 'a', ['t0'], 't1'],
  ['/enc/b/MatMul', 'b', ['t1'], 't2'],
  ['/head/Add', 'head', ['t1', 't2'], 'y'],
]);
const smallRows = [
  row('enc/a', { id: 'a' }),
  row('enc/b', { id: 'b' }),
  row('head', { id: 'head', opType: 'Add' }),
];

/** A chain of layers of one node each. */
function chain(count: number) {
  const specs = Array.from({ length: count }, (_, i): Spec => {
    return [`n${i}`, `l${i}`, [i === 0 ? 'x' : `t${i - 1}`], `t${i}`];
  });
  return {
    view: viewOf(specs),
    rows: specs.map(([, id]) => row(id, { id })),
  };
}

const keysOf = (parts: readonly { readonly key: string }[]): string[] => parts.map((p) => p.key);

describe('webview: parts of the graph', () => {
  it('are groups of layers of nodes, between the inputs and outputs', async () => {
    const { root, byKey } = await buildParts(small, smallRows);
    assert.deepEqual(keysOf(root.children), ['input x', 'group enc', 'layer head', 'output y']);
    assert.deepEqual(keysOf(byKey.get('group enc')?.children ?? []), ['layer a', 'layer b']);
    assert.deepEqual(keysOf(byKey.get('layer a')?.children ?? []), [
      'node /enc/a/MatMul',
      'node /enc/a/Relu',
    ]);
    assert.deepEqual(keysOf(byKey.get('layer b')?.children ?? []), [], 'a layer of one node is that node');
    assert.deepEqual(byKey.get('group enc')?.nodes, [0, 1, 2]);
  });

  it('have edges at the level where both ends are members, each once', async () => {
    const { edges } = await buildParts(small, smallRows);
    const pairs = (key: string): unknown => edges.get(key)?.between.map((e) => [e.from, e.to, e.tensors]);
    // input → enc → head → output; t1 and t2 both go from enc to head
    assert.deepEqual(pairs(rootKey), [
      [0, 1, [0]],
      [1, 2, [2, 3]],
      [2, 3, [4]],
    ]);
    assert.deepEqual(pairs('group enc'), [[0, 1, [2]]]);
    assert.deepEqual(edges.get('group enc')?.takers, [0]);
    assert.deepEqual(edges.get('group enc')?.givers, [0, 1]);
    assert.deepEqual(pairs('layer a'), [[0, 1, [1]]]);
  });

  it('come in sections where a level has too many, sections of sections where it has far too many', async () => {
    const few = await buildParts(...argsOf(chain(mostChildren)));
    assert.equal(few.root.children.filter((p) => p.kind === 'section').length, 0);
    for (const count of [mostChildren + 1, 12_345]) {
      const { root, partOfNode } = await buildParts(...argsOf(chain(count)));
      const widest = (children: GraphParts['root']['children']): number =>
        Math.max(children.length, ...children.map((c) => widest(c.children)));
      assert.ok(widest(root.children) <= mostChildren + 2, `${widest(root.children)} with input and output`);
      assert.equal(partOfNode.filter((p) => p !== undefined).length, count, 'none is lost');
    }
  });

  it('are open at first as far as the picture stays calm', async () => {
    assert.deepEqual(openAtFirst(await buildParts(small, smallRows)), ['group enc']);
    assert.deepEqual(openAtFirst(await buildParts(...argsOf(chain(5000)))), []);
  });

  it('are shown as the outermost closed part around them', async () => {
    const { byKey } = await buildParts(small, smallRows);
    const relu = byKey.get('node /enc/a/Relu');
    assert.ok(relu !== undefined);
    assert.equal(shownAs(relu, new Set()).key, 'group enc');
    assert.equal(shownAs(relu, new Set(['group enc'])).key, 'layer a');
    assert.equal(shownAs(relu, new Set(['group enc', 'layer a'])).key, relu.key);
  });

  it('have figures: sums of bytes, at least where one is unknown; of what is alive the most', async () => {
    const { byKey } = await buildParts(small, smallRows);
    const group = byKey.get('group enc');
    assert.ok(group !== undefined);
    assert.deepEqual(figuresOf(small, 'weights')(group), { value: 600, isAtLeast: false });
    assert.deepEqual(figuresOf(small, 'activations')(group), { value: 20, isAtLeast: true });
    assert.deepEqual(figuresOf(small, 'alive')(group), { value: 20, isAtLeast: false });
  });

  it('know the tensors that come in and go out, with their other ends', async () => {
    const graph = await buildParts(small, smallRows);
    const ends = (key: string) => {
      const part = graph.byKey.get(key);
      assert.ok(part !== undefined);
      const { incoming, outgoing } = neighboursOf(small, graph, part);
      const told = (list: typeof incoming): unknown => list.map((n) => [n.tensor.name, keysOf(n.ends)]);
      return { in: told(incoming), out: told(outgoing) };
    };
    assert.deepEqual(ends('group enc'), {
      in: [['x', ['input x']]],
      out: [
        ['t1', ['layer head']],
        ['t2', ['layer head']],
      ],
    });
    assert.deepEqual(ends('layer head'), {
      in: [
        ['t1', ['node /enc/a/Relu']],
        ['t2', ['layer b']],
      ],
      out: [['y', ['output y']]],
    });
    assert.deepEqual(ends('input x'), { in: [], out: [['x', ['node /enc/a/MatMul']]] });
  });

  const searches: readonly [query: string, expected: readonly string[]][] = [
    ['relu', ['node /enc/a/Relu']],
    ['MATMUL enc', ['node /enc/a/MatMul', 'layer b']],
    ['t2', ['layer b']],
    ['head', ['layer head']],
    ['x', ['input x']],
    ['nothing', []],
    ['  ', []],
  ];
  for (const [query, expected] of searches) {
    it(`are found by ${JSON.stringify(query)}`, async () => {
      const graph = await buildParts(small, smallRows);
      assert.deepEqual(keysOf(findParts(small, graph, query)), expected);
    });
  }
});

describe('webview: layout of the graph', () => {
  const sizes = Array.from({ length: 4 }, () => ({ width: 80, height: 30 }));

  it('puts what takes a tensor under what makes it, and keeps boxes apart', () => {
    const { places, routes, height } = layoutLevel({
      sizes,
      edges: [
        [0, 1],
        [0, 2],
        [1, 3],
        [2, 3],
      ],
      takers: [],
      givers: [],
    });
    const [a, b, c, d] = places;
    assert.ok(a && b && c && d);
    assert.ok(b.y >= a.y + 30 && d.y >= b.y + 30 && b.y === c.y);
    assert.ok(Math.abs(b.x - c.x) >= 80);
    assert.ok(d.y + 30 <= height);
    assert.ok(routes.every((points) => points.length >= 2));
  });

  it('leads from the top to what takes from outside only, and to the bottom', () => {
    const { ports } = layoutLevel({ sizes, edges: [[0, 1]], takers: [0, 1], givers: [0, 1] });
    assert.equal(ports.length, 2, 'member 1 has an edge in, member 0 one out');
  });

  it('leads very long edges straight, in a time that a person waits', () => {
    const count = 100;
    const edges = Array.from({ length: count - 1 }, (_, i) => [i, i + 1] as const);
    // one tensor that every member takes: 4851 dummies in all
    const hub = Array.from({ length: count - 2 }, (_, i) => [0, i + 2] as const);
    const start = performance.now();
    const { routes } = layoutLevel({
      sizes: Array.from({ length: count }, () => ({ width: 80, height: 30 })),
      edges: [...edges, ...hub],
      takers: [],
      givers: [],
    });
    assert.ok(performance.now() - start < 8000);
    assert.equal(routes.at(-1)?.length, 2, 'the longest is straight');
    assert.ok((routes[count]?.length ?? 0) > 2, 'short ones are led around');
  });

  it('lays levels of one form out once', async () => {
    const cache = new LevelCache();
    const graph = await buildParts(...argsOf(chain(1000)));
    const sections = new Set(graph.root.children.map((p) => p.key));
    const layout = layoutTree(layoutInput(graph, sections), cache);
    const [first, second] = [...layout].filter(([key]) => key.startsWith('section'));
    // l100 … l199 and l200 … l299 are as wide; the first takes the model's input, too
    assert.ok(first !== undefined && second !== undefined);
    const distinct = new Set([...layout.values()]);
    assert.ok(distinct.size < layout.size / 2, `${distinct.size} of ${layout.size}`);
  });

  it('makes an open group as large as what it holds, and finds what is under a point', async () => {
    const graph = await buildParts(small, smallRows);
    const open = new Set(['group enc', 'layer a']);
    const { root, byKey } = sceneOf(graph, open, layoutTree(layoutInput(graph, open), new LevelCache()));
    const group = byKey.get('group enc');
    const relu = byKey.get('node /enc/a/Relu');
    assert.ok(group !== undefined && relu !== undefined);
    const contains = (outer: Placed, inner: Placed): boolean =>
      inner.x >= outer.x + frame.side &&
      inner.y >= outer.y + frame.top &&
      inner.x + inner.width <= outer.x + outer.width - frame.side + 1e-6 &&
      inner.y + inner.height <= outer.y + outer.height - frame.bottom + 1e-6;
    for (const { part } of byKey.values()) {
      const [outer, inner] = [byKey.get(part.parent?.key ?? ''), byKey.get(part.key)];
      if (outer !== undefined && inner !== undefined) assert.ok(contains(outer, inner), part.key);
    }
    assert.equal(hit({ root, byKey }, { x: relu.x + 5, y: relu.y + 5 }), relu);
    assert.equal(hit({ root, byKey }, { x: group.x + 2, y: group.y + 2 }), group);
    assert.equal(hit({ root, byKey }, { x: -1, y: -1 }), undefined);
    for (const a of root.children)
      for (const b of root.children) assert.ok(a === b || !overlaps(a, b), `${a.part.key} ${b.part.key}`);
  });
});

describe('webview: view of the graph', () => {
  const extent = { width: 400, height: 300 };

  it('zooms about the point under the mouse, within bounds', () => {
    const before = { x: 10, y: 20, scale: 1 };
    const point = { x: 100, y: 50 };
    const after = zoomAt(before, point, 2);
    assert.deepEqual(toPlane(after, point), toPlane(before, point));
    assert.equal(after.scale, 2);
    assert.equal(zoomAt(before, point, 1000).scale, 3);
    assert.equal(zoomAt(before, point, 1e-6).scale, 0.02);
  });

  it('fits everything in, and no more than at its size', () => {
    const view = fit({ x: 0, y: 0, width: 2000, height: 100 }, extent);
    assert.ok(overlaps(shownBox(view, extent), { x: 0, y: 0, width: 1, height: 1 }));
    assert.equal(view.scale, (400 - 32) / 2000);
    assert.equal(fit({ x: 0, y: 0, width: 20, height: 10 }, extent).scale, 1);
  });

  it('moves only for what is out of sight', () => {
    const view = { x: 0, y: 0, scale: 1 };
    assert.equal(reveal(view, { x: 50, y: 50, width: 40, height: 20 }, extent), view);
    const box = { x: 900, y: 900, width: 40, height: 20 };
    assert.ok(overlaps(shownBox(reveal(view, box, extent), extent), box));
  });
});

describe('webview: the graph as SVG', () => {
  it('escapes names, and has a way for each edge', () => {
    const pen = new SvgPen();
    pen.text({ x: 1, y: 2 }, '<a> & "b"', { colour: 'black', size: 12 });
    pen.routes([[{ x: 0, y: 0 }, { x: 0, y: 30 }]], 'grey', 1); // prettier-ignore
    const svg = pen.finish({ x: 0, y: 0, width: 10, height: 10 }, 'white', 'm.onnx');
    assert.match(svg, /&#60;a&#62; &#38; &#34;b&#34;/);
    assert.match(svg, /<path d="M0 0C0 15 0 15 0 30M/);
    assert.match(svg, /<title>m.onnx<\/title>/);
  });

  const ways: readonly [points: readonly { x: number; y: number }[], start: string][] = [
    [[], ''],
    [[{ x: 1, y: 1 }], ''],
    [[{ x: 0, y: 0 }, { x: 10, y: 10 }, { x: 0, y: 20 }], 'M0 0Q10 10 0 20M'], // prettier-ignore
  ];
  for (const [points, start] of ways)
    it(`leads through ${points.length} points`, () => assert.ok(routePath(points).startsWith(start)));
});

function argsOf({ view, rows }: ReturnType<typeof chain>): Parameters<typeof buildParts> {
  return [view, rows];
}
