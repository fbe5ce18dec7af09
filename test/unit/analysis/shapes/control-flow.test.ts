/** If, Loop, Scan: what branches have in common, and what iterations do to their state. */
import assert from 'node:assert/strict';
import { inferShapes } from '../../../../src/analysis/shapes/index.ts';
import type { InferenceOptions } from '../../../../src/analysis/shapes/index.ts';
import type { Graph, Model, Node } from '../../../../src/onnx/index.ts';
import { constant, graph, int64s, model, node } from '../../../support/model-builder.ts';
import { parseType, typeText } from './cases.ts';

type Typed = Readonly<Record<string, string>>;

/** A graph with inputs and constants as text. */
function body(inputs: Typed, nodes: readonly Node[], outputs: readonly string[]): Graph {
  const parsed = Object.entries(inputs).map(([name, text]) => parseType(name, text));
  return graph({
    nodes,
    inputs: parsed.filter((p) => !p.constant).map((p) => p.value),
    initializers: parsed.flatMap((p) => (p.constant ? [p.constant] : [])),
    outputs: outputs.map((name) => ({ name })),
  });
}

function outputsOf(m: Model, options: InferenceOptions = {}): Record<string, string> {
  const inference = inferShapes(m, options);
  assert.deepEqual(
    inference.diagnostics.map((d) => d.message),
    [],
  );
  return Object.fromEntries(
    m.graph.outputs.map((v) => [v.name, typeText(inference.main.values.get(v.name), inference)]),
  );
}

const relu = (x: string, y: string) => node('Relu', [x], [y]);
const squeeze = body({ axes: 'int64[1]: 0' }, [node('Squeeze', ['x', 'axes'], ['t'])], ['t']);
const pass = body({}, [relu('x', 'e')], ['e']);

describe('shapes: If', () => {
  const chosen = (condition: string, then: Graph, other: Graph) =>
    model(
      body(
        { x: 'float32[n, 4]', c: condition },
        [node('If', ['c'], ['y'], { then_branch: then, else_branch: other })],
        ['y'],
      ),
    );
  const wide = body({}, [node('Concat', ['x', 'x'], ['w'], { axis: 1 })], ['w']);

  it('takes what both branches have in common', () =>
    assert.deepEqual(outputsOf(chosen('bool[]', pass, pass)), { y: 'float32[n, 4]' }));
  it('bounds a dim that differs', () =>
    assert.deepEqual(outputsOf(chosen('bool[]', pass, wide)), { y: 'float32[n, y.d1 ≤ 8]' }));
  it('takes one branch where the condition is known, and marks the other', () => {
    const m = chosen('bool[]: 1', wide, pass);
    assert.deepEqual(outputsOf(m), { y: 'float32[n, 8]' });
    const { main } = inferShapes(m);
    const [branches = []] = main.subgraphs.values();
    assert.deepEqual(
      branches.map((b) => [b.attribute, b.taken]),
      [
        ['then_branch', true],
        ['else_branch', false],
      ],
    );
  });
  it('tells nothing that is wrong in a branch that never runs', () => {
    const wrong = body({}, [node('Transpose', ['x'], ['w'], { perm: [0, 1, 2] })], ['w']);
    assert.deepEqual(outputsOf(chosen('bool[]: 0', wrong, pass)), { y: 'float32[n, 4]' });
    const twin = inferShapes(chosen('bool[]: 1', wrong, pass));
    assert.match(twin.diagnostics[0]?.message ?? '', /perm has 3 axes for rank 2/);
  });
  it('takes the branch that does not contradict itself', () => {
    const wrong = body({}, [node('Transpose', ['x'], ['w'], { perm: [0, 1, 2] })], ['w']);
    assert.deepEqual(outputsOf(chosen('bool[]', wrong, pass)), { y: 'float32[n, 4]' });
  });

  /** `if x.shape[0] == 1: x.squeeze(0)`, as PyTorch exports it. */
  const asksForOne = model(
    body(
      { x: 'float32[n, 4]', zero: 'int64[]: 0', one: 'int64[]: 1' },
      [
        node('Shape', ['x'], ['shape']),
        node('Gather', ['shape', 'zero'], ['size']),
        node('Equal', ['size', 'one'], ['c']),
        node('If', ['c'], ['y'], { name: 'squeezes', then_branch: squeeze, else_branch: pass }),
      ],
      ['y'],
    ),
  );
  it('chooses a rank at the sizes to begin with, and says so', () => {
    assert.deepEqual(outputsOf(asksForOne), { y: 'float32[4]' });
    const { assumptions } = inferShapes(asksForOne);
    assert.deepEqual(
      assumptions.map((a) => [a.node, a.assumed]),
      [['squeezes', 1]],
    );
  });
  it('and again at others', () =>
    assert.deepEqual(outputsOf(asksForOne, { at: { n: 8 } }), { y: 'float32[n, 4]' }));
  it('tells a dim that the sizes decide by a formula', () => {
    const m = model(
      body(
        { x: 'float32[n, 4]', zero: 'int64[]: 0', one: 'int64[]: 1' },
        [
          node('Shape', ['x'], ['shape']),
          node('Gather', ['shape', 'zero'], ['size']),
          node('Equal', ['size', 'one'], ['c']),
          node('If', ['c'], ['y'], { then_branch: wide, else_branch: pass }),
        ],
        ['y'],
      ),
    );
    // 4 + 4·[n = 1], where [n = 1] is 1 − min(1, n − 1)
    assert.deepEqual(outputsOf(m), { y: 'float32[n, -min(1, n - 1)·4 + 8]' });
  });
});

describe('shapes: Loop', () => {
  const loop = (
    trips: string,
    inputs: Typed,
    state: readonly string[],
    b: Graph,
    outputs: readonly string[],
  ) =>
    model(
      body(
        { trips, go: 'bool[]: 1', ...inputs },
        [node('Loop', ['trips', 'go', ...state], outputs, { body: b })],
        outputs,
      ),
    );
  const counter: Typed = { i: 'int64[]', c: 'bool[]' };
  const grows = body(
    { ...counter, a: 'float32' },
    [node('Identity', ['c'], ['cond']), node('Concat', ['a', 'x'], ['b'], { axis: 0 })],
    ['cond', 'b'],
  );

  it('keeps a state that stays, and stacks scan outputs', () => {
    const b = body(
      { ...counter, a: 'float32' },
      [node('Identity', ['c'], ['cond']), relu('a', 'b')],
      ['cond', 'b', 'b'],
    );
    assert.deepEqual(outputsOf(loop('int64[]: 5', { x: 'float32[n, 3]' }, ['x'], b, ['y', 'all'])), {
      y: 'float32[n, 3]',
      all: 'float32[5, n, 3]',
    });
  });
  it('tells even growth: 2 + 5·3 rows', () =>
    assert.deepEqual(
      outputsOf(loop('int64[]: 5', { x: 'float32[3, n]', s: 'float32[2, n]' }, ['s'], grows, ['y'])),
      { y: 'float32[17, n]' },
    ));
  it('in a number of iterations that running tells', () =>
    assert.deepEqual(
      outputsOf(loop('int64[]', { x: 'float32[3, n]', s: 'float32[2, n]' }, ['s'], grows, ['y'])),
      { y: 'float32[y.iterations·3 + 2, n]' },
    ));
  it('does nothing in no iteration', () =>
    assert.deepEqual(
      outputsOf(loop('int64[]: 0', { x: 'float32[3, n]', s: 'float32[2, n]' }, ['s'], grows, ['y'])),
      { y: 'float32[2, n]' },
    ));
  it('bounds iterations that a condition may end', () => {
    const stops = body(
      { ...counter, a: 'float32' },
      [node('Less', ['i', 'limit'], ['cond']), relu('a', 'b')],
      ['cond', 'b', 'b'],
    );
    assert.deepEqual(
      outputsOf(loop('int64[]: 5', { x: 'float32[n]', limit: 'int64[]' }, ['x'], stops, ['y', 'all'])),
      { y: 'float32[n]', all: 'float32[y.iterations ≤ 5, n]' },
    );
  });
  it('gives up a rank that changes', () => {
    const unsqueezes = body(
      { ...counter, a: 'float32' },
      [node('Identity', ['c'], ['cond']), node('Unsqueeze', ['a', 'axis'], ['b'])],
      ['cond', 'b'],
    );
    assert.deepEqual(
      outputsOf(loop('int64[]: 5', { x: 'float32[n]', axis: 'int64[1]: 0' }, ['x'], unsqueezes, ['y'])),
      { y: 'float32' },
    );
  });
  it('collects a sequence, and joins it: 5 elements of [2, n]', () => {
    const collects = body(
      { ...counter, a: 'float32' },
      [node('Identity', ['c'], ['cond']), node('SequenceInsert', ['a', 'x'], ['b'])],
      ['cond', 'b'],
    );
    const m = model(
      body(
        { trips: 'int64[]: 5', go: 'bool[]: 1', x: 'float32[2, n]' },
        [
          node('SequenceEmpty', [], ['none']),
          node('Loop', ['trips', 'go', 'none'], ['s'], { body: collects }),
          node('ConcatFromSequence', ['s'], ['rows'], { axis: 0 }),
          node('ConcatFromSequence', ['s'], ['stack'], { axis: 0, new_axis: 1 }),
          node('SequenceLength', ['s'], ['count']),
        ],
        ['s', 'rows', 'stack', 'count'],
      ),
    );
    assert.deepEqual(outputsOf(m), {
      s: 'sequence of 5 × float32[2, n]',
      rows: 'float32[10, n]',
      stack: 'float32[5, 2, n]',
      count: 'int64[]',
    });
  });
  it('picks a row in each iteration', () => {
    const picks = body(
      { ...counter, one: 'int64[]: 1', axes: 'int64[1]: 0' },
      [
        node('Identity', ['c'], ['cond']),
        node('Add', ['i', 'one'], ['next']),
        node('Unsqueeze', ['i', 'axes'], ['start']),
        node('Unsqueeze', ['next', 'axes'], ['end']),
        node('Slice', ['x', 'start', 'end'], ['row']),
      ],
      ['cond', 'row'],
    );
    assert.deepEqual(outputsOf(loop('int64[]: 5', { x: 'float32[5, n]' }, [], picks, ['all'])), {
      all: 'float32[5, 1, n]',
    });
  });
});

describe('shapes: Scan', () => {
  const adds = body(
    { s: 'float32', e: 'float32' },
    [node('Add', ['s', 'e'], ['t']), node('Identity', ['t'], ['o'])],
    ['t', 'o'],
  );
  const scan = (
    inputs: Typed,
    names: readonly string[],
    attributes: Readonly<Record<string, number | number[]>>,
    opset = 17,
  ) =>
    model(
      body(
        inputs,
        [node('Scan', names, ['last', 'all'], { body: adds, num_scan_inputs: 1, ...attributes })],
        ['last', 'all'],
      ),
      { opset },
    );

  it('scans the first axis', () =>
    assert.deepEqual(outputsOf(scan({ s: 'float32[3]', x: 'float32[t, 3]' }, ['s', 'x'], {})), {
      last: 'float32[3]',
      all: 'float32[t, 3]',
    }));
  it('scans another, and stacks along the last', () =>
    assert.deepEqual(
      outputsOf(
        scan({ s: 'float32[3]', x: 'float32[3, t]' }, ['s', 'x'], {
          scan_input_axes: [1],
          scan_output_axes: [-1],
        }),
      ),
      { last: 'float32[3]', all: 'float32[3, t]' },
    ));
  it('has a batch before everything at opset 8', () =>
    assert.deepEqual(outputsOf(scan({ s: 'float32[n, 3]', x: 'float32[n, t, 3]' }, ['', 's', 'x'], {}, 8)), {
      last: 'float32[n, 3]',
      all: 'float32[n, t, 3]',
    }));
});

describe('shapes: sequences', () => {
  const of = (nodes: readonly Node[], outputs: readonly string[]) =>
    outputsOf(model(body({ a: 'float32[2]', b: 'float32[n]' }, nodes, outputs)));
  const pair = node('SequenceConstruct', ['a', 'b'], ['s']);

  it('gives the element at a place', () =>
    assert.deepEqual(
      of([pair, constant('last', int64s('', [], [-1])), node('SequenceAt', ['s', 'last'], ['y'])], ['y']),
      { y: 'float32[n]' },
    ));
  it('inserts and erases', () =>
    assert.deepEqual(
      of(
        [
          pair,
          constant('first', int64s('', [], [0])),
          node('SequenceInsert', ['s', 'b', 'first'], ['three']),
          node('SequenceErase', ['three'], ['two']),
        ],
        ['three', 'two'],
      ),
      {
        three: 'sequence of float32[n], float32[2], float32[n]',
        two: 'sequence of float32[n], float32[2]',
      },
    ));
  it('joins the elements: 2 + n', () =>
    assert.deepEqual(of([pair, node('ConcatFromSequence', ['s'], ['y'], { axis: 0 })], ['y']), {
      y: 'float32[n + 2]',
    }));
  it('maps each', () => {
    const each = body({ e: 'float32', k: 'int64[1]: 0' }, [node('Unsqueeze', ['e', 'k'], ['u'])], ['u']);
    assert.deepEqual(of([pair, node('SequenceMap', ['s'], ['y'], { body: each })], ['y']), {
      y: 'sequence of float32[1, 2], float32[1, n]',
    });
  });
  it('knows what an optional holds', () =>
    assert.deepEqual(
      of([node('Optional', ['a'], ['o']), node('OptionalGetElement', ['o'], ['y'])], ['o', 'y']),
      { o: 'optional of float32[2]', y: 'float32[2]' },
    ));
  it('refuses a place past the end', () => {
    const m = model(
      body(
        { a: 'float32[2]' },
        [
          node('SequenceConstruct', ['a'], ['s']),
          constant('i', int64s('', [], [1])),
          node('SequenceAt', ['s', 'i'], ['y']),
        ],
        ['y'],
      ),
    );
    assert.match(inferShapes(m).diagnostics[0]?.message ?? '', /position 1 of a sequence of 1/);
  });
});
