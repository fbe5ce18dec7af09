/** Local functions written out: the model computes what it did, bit for bit, and edits reach what was inside. */
import assert from 'node:assert/strict';
import * as ort from 'onnxruntime-node';
import { DataType, type LocalFunction, type Model, type Node } from '../../../src/onnx/model.ts';
import { applyRecipe, describeEdit, type CleanEdit } from '../../../src/transforms/index.ts';
import {
  float,
  floats,
  graph,
  ints,
  model,
  node,
  reopen,
  value,
  type ModelSpec,
} from '../../support/model-builder.ts';
import { quantize, recipe } from './edits.ts';
import { channels, feeds, run } from './prune/zeroed.ts';

const inline: CleanEdit = { type: 'clean', unused: false, inline: true };

function local(
  name: string,
  [inputs, outputs]: readonly [readonly string[], readonly string[]],
  nodes: readonly Node[],
  spec: Partial<LocalFunction> = {},
): LocalFunction {
  return {
    ...{ name, domain: 'my', overload: '', inputs, outputs, nodes, valueInfo: new Map() },
    ...{ attributes: [], attributeDefaults: [], opsetImports: [{ domain: '', version: 17 }] },
    ...spec,
  };
}

const ref = (refName: string, attributeType: number) => ({ kind: 'ref', refName, attributeType }) as const;
const [FLOAT, INT] = [1, 2];
const uses = {
  opsetImports: [
    { domain: '', version: 17 },
    { domain: 'my', version: 1 },
  ],
};

/** alpha is 0.5 where the call does not say. */
const scale = local(
  'Scale',
  [['x'], ['y']],
  [node('LeakyRelu', ['x'], ['y'], { alpha: ref('alpha', FLOAT) })],
  {
    attributeDefaults: [{ name: 'alpha', kind: 'float', value: 0.5 }],
  },
);
/** The bias may be left out, and transB with it. */
const dense = local(
  'Dense',
  [['x', 'w', 'b'], ['y']],
  [node('Gemm', ['x', 'w', 'b'], ['y'], { name: 'gemm', transB: ref('transB', INT) })],
  { attributes: ['transB'] },
);
/** Gives what is inside, too. */
const block = local(
  'Block',
  [
    ['x', 'w'],
    ['y', 'h', 'n'],
  ],
  [
    node('Dense', ['x', 'w'], ['h'], { domain: 'my', transB: 1 }),
    node('Scale', ['h'], ['y'], { domain: 'my', alpha: ref('slope', FLOAT) }),
    node('Neg', ['x'], ['n']),
  ],
  { ...uses, attributes: ['slope'] },
);
/** Bodies that see the function's values, and name one of theirs as the graph around it does. */
const choose = local(
  'Choose',
  [['a', 'c'], ['r']],
  [
    node('Relu', ['a'], ['t']),
    node('If', ['c'], ['r'], {
      then_branch: graph({ nodes: [node('Add', ['a', 't'], ['h1'])], outputs: [value('h1')] }),
      else_branch: graph({
        nodes: [node('Scale', ['t'], ['h1'], { domain: 'my' })],
        outputs: [value('h1')],
      }),
    }),
  ],
  uses,
);

/** Calls of functions that call others, of one within a branch, twice the same, without names. */
function net(
  functions: readonly LocalFunction[] = [scale, dense, block, choose],
  spec: ModelSpec = {},
): Model {
  const call = (opType: string, inputs: string[], outputs: string[], more = {}): Node =>
    node(opType, inputs, outputs, { domain: 'my', ...more });
  return model(
    graph({
      inputs: [value('x', [2, 4])],
      outputs: [value('y', [2, 4]), value('again', [2, 4])],
      initializers: [floats('w', [4, 4]), floats('b', [4]), floats('edge', [], [0.1])],
      valueInfo: [value('h1', [2, 4])],
      nodes: [
        call('Block', ['x', 'w'], ['h1', '', 'again'], { slope: float(0.25) }),
        call('Dense', ['h1', 'w', 'b'], ['h2']),
        node('ReduceSum', ['h2'], ['sum'], { keepdims: 0 }),
        node('Greater', ['sum', 'edge'], ['cond']),
        call('Choose', ['h2', 'cond'], ['h3'], { name: 'pick' }),
        node('If', ['cond'], ['h4'], {
          then_branch: graph({ nodes: [call('Scale', ['h3'], ['s'])], outputs: [value('s')] }),
          else_branch: graph({ nodes: [node('Neg', ['h3'], ['s'])], outputs: [value('s')] }),
        }),
        call('Block', ['h4', 'w'], ['y', '', ''], { slope: float(2) }),
      ],
    }),
    { opset: 17, irVersion: 9, opsets: { my: 1 }, functions, ...spec },
  );
}

async function assertSame(before: Model, after: Model, sign = 1): Promise<void> {
  const given = feeds({ x: [2, 4] })['x']!;
  const x = new ort.Tensor(
    'float32',
    (given.data as Float32Array).map((v) => sign * v),
    [2, 4],
  );
  const [want, got] = [await run(before, { x }), await run(after, { x })];
  for (const [name, tensor] of Object.entries(want)) assert.deepEqual(got[name]?.data, tensor.data, name);
}

const operators = (m: Model): string[] => m.graph.nodes.map((n) => n.opType);

describe('local functions', () => {
  it('are written out: nested, in branches, with attributes, optional inputs and outputs', async () => {
    const before = await reopen(net());
    const { model: after, changes } = applyRecipe(before, recipe(inline));
    assert.deepEqual(after.functions, []);
    assert.deepEqual(
      after.opsetImports.map((o) => [o.domain, o.version]),
      [['', 17]],
    );
    const saved = await reopen(after);
    for (const sign of [1, -1]) await assertSame(before, saved, sign);
    assert.deepEqual(operators(saved), [
      ...['Gemm', 'LeakyRelu', 'Neg', 'Gemm', 'ReduceSum', 'Greater'],
      ...['Relu', 'If', 'If', 'Gemm', 'LeakyRelu', 'Neg'],
    ]);
    const [call] = changes;
    assert.deepEqual(
      [call?.node, call?.status, call?.nodesAfter],
      ['Block_0', 'applied', ['Block_0/Dense/gemm', 'Block_0/Scale/LeakyRelu', 'Block_0/Neg']],
    );
    // in a branch
    assert.deepEqual(changes.find((c) => c.node.includes('then_branch'))?.nodesAfter.length, 1);
    // those that stay have the ids they had
    assert.ok(saved.graph.nodes.some((n) => n.name === 'ReduceSum_2'));
    assert.ok(saved.graph.nodes.some((n) => n.name === 'pick/Relu'));
    const names = saved.graph.nodes.flatMap((n) => n.outputs);
    assert.equal(new Set(names).size, names.length);
  });

  it('leave attributes out that the call leaves out, and take defaults', () => {
    const { model: after } = applyRecipe(net(), recipe(inline));
    const gemms = after.graph.nodes.filter((n) => n.opType === 'Gemm');
    assert.deepEqual(
      gemms.map((n) => n.attributes.has('transB')),
      [true, false, true],
    );
    const branch = after.graph.nodes.filter((n) => n.opType === 'If')[1]!.attributes.get('then_branch');
    assert.ok(branch?.kind === 'graph');
    const alpha = branch.value.nodes[0]?.attributes.get('alpha');
    assert.ok(alpha?.kind === 'float' && alpha.value === 0.5);
  });

  it('keep what is declared of their values where they are called once, and metadata', () => {
    const told = local(
      'Told',
      [['x'], ['y']],
      [{ ...node('Relu', ['x'], ['t']), metadata: [{ key: 'k', value: 'own' }] }, node('Neg', ['t'], ['y'])],
      {
        valueInfo: new Map([['t', value('t', [2, 4])]]),
      },
    );
    const calls = (count: number): Model =>
      model(
        graph({
          inputs: [value('x', [2, 4])],
          outputs: [value(`y${count}`, [2, 4])],
          nodes: Array.from({ length: count }, (_, i) => ({
            ...node('Told', [i === 0 ? 'x' : `y${i}`], [`y${i + 1}`], { domain: 'my', name: `call${i}` }),
            metadata: [
              { key: 'k', value: 'call' },
              { key: 'from', value: `${i}` },
            ],
          })),
        }),
        { opset: 17, irVersion: 10, opsets: { my: 1 }, functions: [told] },
      );
    const once = applyRecipe(calls(1), recipe(inline)).model.graph;
    assert.deepEqual([...once.valueInfo.keys()], ['call0/t']);
    assert.deepEqual(
      once.nodes.map((n) => n.metadata?.map((m) => m.value)),
      [
        ['own', '0'],
        ['call', '0'],
      ],
    );
    assert.equal(applyRecipe(calls(2), recipe(inline)).model.graph.valueInfo.size, 0);
  });

  it('of a newer opset raise that of the model, where no operator changed in between', () => {
    const newer = local('Scale', [['x'], ['y']], scale.nodes, {
      attributeDefaults: scale.attributeDefaults,
      opsetImports: [{ domain: '', version: 18 }],
    });
    const before = net([newer, dense, block, choose]);
    const { changes, model: same } = applyRecipe(before, recipe(inline));
    // ReduceSum did not change from 17 to 18
    assert.equal(changes[0]?.status, 'applied');
    assert.equal(same.opsetImports[0]?.version, 18);
    const split = local('Scale', [['x'], ['y']], [node('ReduceMean', ['x'], ['y'], { axes: [1] })]);
    const mixed = net([split, { ...dense, opsetImports: [{ domain: '', version: 18 }] }, block, choose]);
    const refused = applyRecipe(mixed, recipe(inline));
    assert.equal(refused.model, mixed);
    assert.match(
      refused.changes[0]?.reason ?? '',
      /^the function "Scale" is of ai\.onnx opset 17, others of 18, where ReduceMean is another operator$/,
    );
  });

  it('hand on inputs and one value twice by Identity', async () => {
    const twice = local('Twice', [['x'], ['y', 'x', 'y']], [node('Neg', ['x'], ['y'])]);
    const outputs = ['a', 'b', 'c'];
    const before = model(
      graph({
        inputs: [value('x', [2, 4])],
        outputs: outputs.map((name) => value(name, [2, 4])),
        nodes: [node('Twice', ['x'], outputs, { domain: 'my' })],
      }),
      { opset: 17, irVersion: 9, opsets: { my: 1 }, functions: [twice] },
    );
    const { model: after } = applyRecipe(before, recipe(inline));
    const input = feeds({ x: [2, 4] });
    const { a, b, c } = await run(await reopen(after), input);
    const x = input['x']!.data as Float32Array;
    assert.deepEqual([a?.data, b?.data, c?.data], [x.map((v) => -v), x, x.map((v) => -v)]);
  });

  it('that call themselves stay, and why is said', () => {
    const loop = local('Scale', [['x'], ['y']], [node('Scale', ['x'], ['y'], { domain: 'my' })], uses);
    const before = net([loop, dense, block, choose]);
    const { model: after, changes } = applyRecipe(before, recipe(inline));
    assert.equal(after, before);
    assert.ok(
      changes.every((c) => c.status === 'blocked' && c.reason === 'the function "Scale" calls itself'),
    );
  });

  it('are no longer in the way of pruning and quantization', async () => {
    const layer = local(
      'Layer',
      [['x', 'w', 'b'], ['y']],
      [node('Conv', ['x', 'w', 'b'], ['c'], { name: 'conv' }), node('Relu', ['c'], ['y'])],
    );
    const call = (x: string, name: string): Node =>
      node('Layer', [x, `${name}.w`, `${name}.b`], [name], { domain: 'my', name });
    const before = model(
      graph({
        inputs: [value('x', [1, 3, 4, 4])],
        outputs: [value('last', [1, 2, 4, 4])],
        initializers: [
          ...[floats('a.w', [8, 3, 1, 1]), floats('a.b', [8])],
          ...[floats('b.w', [8, 8, 1, 1]), floats('b.b', [8]), floats('last.w', [2, 8, 1, 1])],
        ],
        nodes: [call('x', 'a'), call('a', 'b'), node('Conv', ['b', 'last.w'], ['last'], { name: 'last' })],
      }),
      { opset: 17, irVersion: 9, opsets: { my: 1 }, functions: [layer] },
    );
    const alone = applyRecipe(before, recipe(channels({ layers: { nodes: ['last'] } })));
    assert.equal(alone.changes[0]?.status, 'blocked');
    const { changes, model: after, idsAfter } = applyRecipe(before, recipe(inline, channels(), quantize()));
    assert.deepEqual(after.graph.initializers.get('b.w')?.dims, undefined);
    const pruned = changes.filter((c) => c.edit === 1 && c.status === 'applied').map((c) => c.node);
    assert.deepEqual(pruned, ['a/conv', 'b/conv', 'last']);
    assert.ok(changes.some((c) => c.edit === 2 && c.status === 'applied' && c.node === 'b/conv'));
    const [b] = changes.filter((c) => c.edit === 0 && c.node === 'b');
    const conv = idsAfter.get('b/conv') ?? [];
    assert.ok(conv.length > 1 && !idsAfter.has('b'));
    assert.deepEqual(b?.nodesAfter, [...conv, ...(idsAfter.get('b/Relu') ?? [])]);
    const { last } = await run(await reopen(after), feeds({ x: [1, 3, 4, 4] }));
    assert.deepEqual(last?.dims, [1, 2, 4, 4]);
  });

  it('is asked for in words', () => {
    assert.equal(describeEdit(inline), 'write out local functions');
    const { model: same, changes } = applyRecipe(
      model(
        graph({
          inputs: [value('x', [1], DataType.int64)],
          outputs: [value('y')],
          nodes: [node('Add', ['x', 'one'], ['y'])],
          initializers: [ints('one', [1])],
        }),
      ),
      recipe(inline),
    );
    assert.deepEqual([same.graph.nodes.length, changes], [1, []]);
  });
});
