/** The walk through a model: order, symbols, declarations, functions, what is wrong, and what is taken over. */
import assert from 'node:assert/strict';
import { inferShapes, reinfer } from '../../../../src/analysis/shapes/index.ts';
import { DataType } from '../../../../src/onnx/index.ts';
import type { LocalFunction, Model, Node } from '../../../../src/onnx/index.ts';
import { constant, floats, graph, ints, model, node, value } from '../../../support/model-builder.ts';
import { contentText, typeText } from './cases.ts';

function shown(m: Model, ...names: string[]): string[] {
  const inference = inferShapes(m);
  return names.map((n) => {
    const type = inference.main.values.get(n);
    return typeText(type, inference) + contentText(type);
  });
}
const codes = (m: Model) => inferShapes(m).diagnostics.map((d) => [d.code, d.node]);

describe('shapes: symbols', () => {
  it('names dims that have no name, and knows a batch and typical sizes', () => {
    const m = model(
      graph({
        nodes: [],
        inputs: [
          value('image', [null, 3, 'height', 'width']),
          value('ids', ['N', 'seq_len'], DataType.int64),
          value('past', ['N', 4, 'past_len', 16]),
        ],
      }),
    );
    const { symbols } = inferShapes(m);
    assert.deepEqual(
      symbols.map((s) => [s.name, s.isBatch, s.defaultValue, s.usedBy.length]),
      [
        ['image.d0', true, 1, 1],
        ['height', false, 224, 1],
        ['width', false, 224, 1],
        ['N', true, 1, 2],
        ['seq_len', false, 128, 1],
        ['past_len', false, 0, 1],
      ],
    );
  });
  it('reads formulas of symbols that inputs declare', () => {
    const m = model(
      graph({
        nodes: [node('Concat', ['a', 'b'], ['y'], { axis: 0 })],
        inputs: [value('a', ['past', 2]), value('b', ['seq', 2]), value('mask', ['past + seq'])],
        outputs: [value('y', ['past + seq', 2])],
      }),
    );
    assert.deepEqual(shown(m, 'y', 'mask'), ['float32[past + seq, 2]', 'float32[past + seq]']);
    assert.deepEqual(
      inferShapes(m).symbols.map((s) => s.name),
      ['past', 'seq'],
    );
  });
  it('begins audio at a frame of 512 samples', () => {
    const m = model(
      graph({ nodes: [], inputs: [value('input', [null, null]), value('sr', [], DataType.int64)] }),
    );
    assert.equal(inferShapes(m).symbols.find((s) => s.name === 'input.d1')?.defaultValue, 512);
  });
});

describe('shapes: declarations', () => {
  const of = (dims: readonly (number | string | null)[], opType = 'Magic') =>
    model(
      graph({
        nodes: [node(opType, ['x'], ['y'], opType === 'Magic' ? { domain: 'com.example' } : { name: 'r' })],
        inputs: [value('x', ['n', 4])],
        outputs: [value('y', dims)],
      }),
    );
  it('fill what has no rule; a name of an input is that symbol', () =>
    assert.deepEqual(shown(of(['n', 7]), 'y'), ['float32[n, 7]']));
  it('take the place of a dim that only running tells', () => {
    const m = (dims: readonly (string | number)[]) =>
      model(
        graph({
          nodes: [node('NonZero', ['x'], ['y'])],
          inputs: [value('x', ['n', 4])],
          outputs: [value('y', dims, DataType.int64)],
        }),
      );
    assert.deepEqual(shown(m([2, 'n']), 'y'), ['int64[2, n]']);
    assert.deepEqual(shown(m([2, 5]), 'y'), ['int64[2, 5]']);
    assert.deepEqual(shown(m([2, 'found']), 'y'), ['int64[2, y.d1 ≤ n·4]']);
  });
  it('that contradict are told, and the inferred shape stands', () => {
    assert.deepEqual(shown(of(['n', 5], 'Relu'), 'y'), ['float32[n, 4]']);
    assert.deepEqual(codes(of(['n', 5], 'Relu')), [['declared-mismatch', 'r']]);
    assert.deepEqual(codes(of(['n', 4], 'Relu')), []);
  });
});

describe('shapes: graphs', () => {
  it('infers nodes out of order in the order they run', () => {
    const nodes = [node('Relu', ['h'], ['y']), node('Abs', ['x'], ['h'])];
    const m = model(graph({ nodes, inputs: [value('x', ['n'])] }));
    assert.deepEqual(shown(m, 'y'), ['float32[n]']);
    assert.deepEqual(inferShapes(m).main.order, [nodes[1], nodes[0]]);
  });
  it('tells a cycle, and a value that nothing gives', () => {
    const cycle = [node('Add', ['x', 'b'], ['a'], { name: 'p' }), node('Relu', ['a'], ['b'], { name: 'q' })];
    assert.deepEqual(codes(model(graph({ nodes: cycle, inputs: [value('x', ['n'])] }))).slice(0, 2), [
      ['cycle', 'p'],
      ['cycle', 'q'],
    ]);
    const lost = model(graph({ nodes: [node('Relu', ['lost'], ['y'], { name: 'r' })] }));
    assert.deepEqual(codes(lost), [['missing-value', 'r']]);
  });
  it('reads constants of nodes, initializers and defaults of inputs', () => {
    const build = (irVersion: number) =>
      model(
        graph({
          nodes: [
            constant('c', ints('', [3, 4])),
            node('Concat', ['c', 'w'], ['both'], { axis: 0 }),
            node('Identity', ['d'], ['same']),
          ],
          inputs: [value('d', [1], DataType.int64)],
          initializers: [ints('w', [5]), ints('d', [6])],
        }),
        { irVersion },
      );
    assert.deepEqual(shown(build(8), 'both', 'same'), ['int64[3]: 3 4 5', 'int64[1]']);
    // before IR 4 an initializer must be an input as well: it is no default
    assert.deepEqual(shown(build(3), 'same'), ['int64[1]: 6']);
  });
  it('captures values from around a subgraph', () => {
    const inner = graph({
      nodes: [node('Mul', ['x', 'w'], ['p'])],
      outputs: [{ name: 'p' }],
      initializers: [floats('w', [4])],
    });
    const m = model(
      graph({
        nodes: [node('If', ['c'], ['y'], { then_branch: inner, else_branch: inner })],
        inputs: [value('x', ['n', 4]), value('c', [], DataType.bool)],
      }),
    );
    const [branches = []] = inferShapes(m).main.subgraphs.values();
    assert.deepEqual(
      branches.map((b) => [...b.inference.captured]),
      [['x'], ['x']],
    );
    assert.deepEqual(shown(m, 'y'), ['float32[n, 4]']);
  });
});

function localFunction(
  name: string,
  nodes: readonly Node[],
  extra: Partial<LocalFunction> = {},
): LocalFunction {
  return {
    name,
    domain: 'local',
    overload: '',
    inputs: ['a', 'b'],
    outputs: ['r'],
    attributes: [],
    attributeDefaults: [],
    nodes,
    opsetImports: [{ domain: '', version: 17 }],
    valueInfo: new Map(),
    ...extra,
  };
}

describe('shapes: local functions', () => {
  const calling = (nodes: readonly Node[], functions: readonly LocalFunction[]) =>
    model(graph({ nodes, inputs: [value('x', ['n', 4])] }), { functions, opsets: { local: 1 } });

  it('are inferred at each call, with its attributes and without inputs it leaves out', () => {
    const axis = { kind: 'ref', refName: 'axis', attributeType: 2 } as const;
    const f = localFunction('Join', [node('Concat', ['a', 'a'], ['r'], { axis })], {
      attributeDefaults: [{ name: 'axis', kind: 'int', value: 0n }],
    });
    const nodes = [
      node('Join', ['x', ''], ['rows'], { domain: 'local' }),
      node('Join', ['x'], ['columns'], { domain: 'local', axis: 1 }),
    ];
    assert.deepEqual(shown(calling(nodes, [f]), 'rows', 'columns'), ['float32[n·2, 4]', 'float32[n, 8]']);
  });
  it('that call themselves end', () => {
    const f = localFunction('Again', [node('Again', ['a'], ['r'], { domain: 'local' })]);
    const m = calling([node('Again', ['x'], ['y'], { domain: 'local', name: 'call' })], [f]);
    assert.deepEqual(shown(m, 'y'), ['unknown: function calls itself']);
    assert.equal(codes(m)[0]?.[0], 'call-depth');
  });
  it('that call each other twice each, forty deep, end as well', () => {
    const functions = Array.from({ length: 40 }, (_, i) =>
      localFunction(`F${i}`, [
        node(i === 0 ? 'Relu' : `F${i - 1}`, ['a'], ['m'], i === 0 ? {} : { domain: 'local' }),
        node(i === 0 ? 'Relu' : `F${i - 1}`, ['m'], ['r'], i === 0 ? {} : { domain: 'local' }),
      ]),
    );
    const m = calling([node('F39', ['x'], ['y'], { domain: 'local' })], functions);
    assert.deepEqual(
      codes(m).map(([code]) => code),
      ['too-much-nesting'],
    );
  });
});

describe('shapes: after an edit', () => {
  const relu = node('Relu', ['x'], ['h'], { name: 'relu' });
  const build = (last: Node, rows: number | string = 'n') =>
    model(graph({ nodes: [relu, last], inputs: [value('x', [rows, 4])], initializers: [ints('k', [0])] }));
  const before = build(node('Squeeze', ['h', 'k'], ['y'], { name: 'last' }));

  it('takes over what did not change, and infers the rest', () => {
    const after = build(node('Unsqueeze', ['h', 'k'], ['y'], { name: 'last' }));
    const [first, again] = [inferShapes(before), reinfer(inferShapes(before), after)];
    assert.equal(typeText(first.main.values.get('y'), first), 'float32[4]');
    assert.equal(typeText(again.main.values.get('y'), again), 'float32[1, n, 4]');
  });
  it('keeps the very types of nodes that see the same', () => {
    const first = inferShapes(before);
    const again = reinfer(first, build(node('Unsqueeze', ['h', 'k'], ['y'])));
    assert.equal(again.main.values.get('h'), first.main.values.get('h'));
    const other = reinfer(first, build(node('Unsqueeze', ['h', 'k'], ['y']), 7));
    assert.notEqual(other.main.values.get('h'), first.main.values.get('h'));
    assert.equal(typeText(other.main.values.get('h'), other), 'float32[7, 4]');
  });
  it('tells again what is wrong in what it takes over', () => {
    const wrong = (last: Node) =>
      model(
        graph({
          nodes: [node('Transpose', ['x'], ['h'], { name: 't', perm: [0] }), last],
          inputs: [value('x', ['n', 4])],
        }),
      );
    const t = wrong(node('Relu', ['x'], ['y']));
    const edited: Model = {
      ...t,
      graph: { ...t.graph, nodes: [...t.graph.nodes.slice(0, 1), node('Abs', ['x'], ['y'])] },
    };
    assert.deepEqual(reinfer(inferShapes(t), edited).diagnostics, inferShapes(edited).diagnostics);
    assert.equal(inferShapes(edited).diagnostics.length, 1);
  });
  it('infers a node again whose output is declared otherwise', () => {
    const nodes = [node('Relu', ['x'], ['h']), node('Relu', ['h'], ['y'])];
    const inputs = [value('x', ['n', 4])];
    const plain = model(graph({ nodes, inputs }));
    const declared: Model = {
      ...plain,
      graph: { ...plain.graph, valueInfo: new Map([['h', value('h', ['n', 5])]]) },
    };
    assert.deepEqual(
      reinfer(inferShapes(plain), declared).diagnostics.map((d) => d.code),
      ['declared-mismatch'],
    );
    assert.deepEqual(reinfer(inferShapes(declared), plain).diagnostics, []);
  });
});
