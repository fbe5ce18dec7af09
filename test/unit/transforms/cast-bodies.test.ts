/** float16 inside the bodies of If, Loop and Scan: where Casts stand, and that ONNX Runtime computes the same. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DataType, type Graph, type Model, type Node, type Value } from '../../../src/onnx/model.ts';
import { applyRecipe, type CastEdit } from '../../../src/transforms/index.ts';
import { floats, graph, int64s, ints, model, node, ramp, value } from '../../support/model-builder.ts';
import { cast, listing, recipe } from './edits.ts';
import { ifInLoopModel, ifInScanModel, ifModel, loopModel } from './prune/body-nets.ts';
import { randomNetOfBodies } from './prune/random-nets.ts';
import { feeds, furthest, run, type Feeds } from './prune/zeroed.ts';
import { sensitivity } from './rounded-bodies.ts';

function casted(m: Model, options: Partial<CastEdit> = {}): Model {
  return applyRecipe(m, recipe(cast(options))).model;
}

/** The body of the first node of that operator. */
function body(g: Graph, opType: string, attribute = 'body'): Graph {
  const found = g.nodes.find((n) => n.opType === opType)?.attributes.get(attribute);
  if (found?.kind !== 'graph') throw new Error(`no ${opType} with a ${attribute}`);
  return found.value;
}

const types = (values: readonly Value[]) =>
  values.map(({ name, type }) => [name, type?.kind === 'tensor' ? type.elemType : undefined]);
const { float, float16, bool, int64 } = DataType;

function allNodes(g: Graph): string[] {
  const inner = g.nodes.flatMap((n) => [...n.attributes.values()]);
  return [...listing(g), ...inner.flatMap((a) => (a.kind === 'graph' ? allNodes(a.value) : []))];
}

/** How far the outputs in float16 are from those in float32, as a share of the largest one. */
async function apart(m: Model, low: Model, input: Feeds): Promise<number> {
  return furthest(await run(m, input), await run(low, input));
}

/** Carries `state` [4] through a Loop of three turns, from x; `nodes` make `next` of it. */
function loop(nodes: readonly Node[], start = 'x'): Model {
  return model(
    graph({
      inputs: [value('x', [4])],
      outputs: [value('y', [4])],
      initializers: [ints('trips', [3]), floats('W', [4], ramp(4)), floats('zero', [4], [0, 0, 0, 0])],
      nodes: [
        node('Loop', ['trips', '', start], ['end'], {
          name: 'loop',
          body: graph({
            inputs: [value('i', [], int64), value('go', [], bool), value('state', [4])],
            outputs: [value('go_on', [], bool), value('next', [4])],
            nodes: [node('Identity', ['go'], ['go_on']), ...nodes],
          }),
        }),
        node('Mul', ['end', 'W'], ['y'], { name: 'mul' }),
      ],
    }),
    { opset: 17 },
  );
}

describe('cast to float16 inside of bodies', function () {
  this.timeout(60_000);

  it('goes through both branches of an If: its output is float16, without Casts inside', async () => {
    const low = casted(ifModel());
    assert.deepEqual(
      allNodes(low.graph).filter((line) => line.startsWith('Cast')),
      ['Cast(x) -> x_float16', 'Cast(out.bias_float16) -> out.bias'],
    );
    assert.ok(listing(low.graph).includes('If(cond) -> y_float16'));
    const then = body(low.graph, 'If', 'then_branch');
    assert.deepEqual(types(then.outputs), [['then.down.bias_float16', float16]]);
    assert.deepEqual(
      [...then.initializers.values()].map((t) => t.dataType).filter((t) => t === float),
      [],
    );
    const difference = await apart(ifModel(), low, feeds({ x: [2, 4] }));
    assert.ok(difference > 0 && difference < 2e-3, `differs by ${difference}`);
  });

  it('of an If within a Loop: what the Loop carries is float16', async () => {
    const low = casted(ifInLoopModel());
    const inner = body(low.graph, 'Loop');
    assert.deepEqual(types(inner.inputs), [
      ['i', int64],
      ['go', bool],
      ['state_float16', float16],
    ]);
    assert.deepEqual(types(inner.outputs)[1], ['next_float16', float16]);
    assert.deepEqual(
      allNodes(low.graph).filter((line) => line.startsWith('Cast')),
      ['Cast(x) -> x_float16', 'Cast(out.bias_float16) -> out.bias'],
    );
    const difference = await apart(ifInLoopModel(), low, feeds({ x: [2, 8] }));
    assert.ok(difference > 0 && difference < 2e-3, `differs by ${difference}`);
  });

  it('of a Loop and of an If within a Scan, inputs and outputs of the model too', async () => {
    assert.ok((await apart(loopModel(), casted(loopModel()), feeds({ x: [2, 8] }))) < 2e-3);
    assert.ok((await apart(ifInScanModel(), casted(ifInScanModel()), feeds({ x: [4, 8] }))) < 2e-3);
    const low = casted(ifInScanModel(), { keepIo: false });
    assert.ok(allNodes(low.graph).every((line) => !line.startsWith('Cast')));
    const [state, row] = types(body(low.graph, 'Scan').inputs);
    assert.deepEqual(
      [state, row],
      [
        ['sum_float16', float16],
        ['row_float16', float16],
      ],
    );
  });

  it('passes bfloat16 from opset 16 on, when Ifs, Loops and Scans take it', () => {
    const carried = (version: number) => {
      const m = { ...loopModel(), opsetImports: [{ domain: '', version }] };
      return types(body(casted(m, { to: 'bfloat16' }).graph, 'Loop').inputs)[2];
    };
    assert.deepEqual(carried(15), ['state', float]);
    assert.deepEqual(carried(16), ['state_bfloat16', DataType.bfloat16]);
  });

  it('leaves what a Loop carries float32 where a node inside takes it so, and casts there', async () => {
    const m = loop([
      node('CumSum', ['state', 'axis'], ['sum']),
      node('Mul', ['state', 'W'], ['scaled']),
      node('Add', ['scaled', 'sum'], ['next']),
    ]);
    const withAxis = { ...m, graph: { ...m.graph, initializers: new Map(m.graph.initializers) } };
    withAxis.graph.initializers.set('axis', int64s('axis', [], [0]));
    const low = casted(withAxis);
    const inner = body(low.graph, 'Loop');
    assert.deepEqual(listing(inner), [
      'Identity(go) -> go_on',
      'CumSum(state, axis) -> sum',
      'Cast(state) -> state_float16',
      'Mul(state_float16, W_float16) -> scaled_float16',
      'Cast(sum) -> sum_float16',
      'Add(scaled_float16, sum_float16) -> next_float16',
      'Cast(next_float16) -> next',
    ]);
    assert.deepEqual(types(inner.outputs)[1], ['next', float]);
    assert.ok((await apart(withAxis, low, feeds({ x: [4] }))) < 5e-3);
  });

  it('makes what a Loop begins with float16 where it is a constant', async () => {
    const m = loop([node('Add', ['state', 'x'], ['sum']), node('Mul', ['sum', 'W'], ['next'])], 'zero');
    const low = casted(m);
    assert.deepEqual(listing(low.graph).slice(0, 2), [
      'Cast(x) -> x_float16',
      'Loop(trips, , zero_float16) -> end_float16',
    ]);
    assert.deepEqual([...low.graph.initializers.keys()], ['trips', 'W_float16', 'zero_float16']);
    assert.ok((await apart(m, low, feeds({ x: [4] }))) < 5e-3);
  });

  it('casts once, outside, what bodies take from there', () => {
    const branch = (name: string, op: string) =>
      graph({ outputs: [value(name, [4])], nodes: [node(op, ['x', 'W'], [name], { name: op })] });
    const m = model(
      graph({
        inputs: [value('x', [4]), value('c', [], bool)],
        outputs: [value('y', [4])],
        initializers: [floats('W', [4], ramp(4))],
        nodes: [
          node('If', ['c'], ['y'], {
            name: 'if',
            then_branch: branch('t', 'Mul'),
            else_branch: branch('e', 'Add'),
          }),
        ],
      }),
    );
    assert.deepEqual(allNodes(casted(m).graph), [
      'Cast(x) -> x_float16',
      'If(c) -> y_float16',
      'Cast(y_float16) -> y',
      'Mul(x_float16, W_float16) -> t_float16',
      'Add(x_float16, W_float16) -> e_float16',
    ]);
    // one branch in float32: each gives that
    assert.deepEqual(allNodes(casted(m, { keepOps: ['Add'] }).graph), [
      'Cast(x) -> x_float16',
      'If(c) -> y',
      'Mul(x_float16, W_float16) -> t_float16',
      'Cast(t_float16) -> t',
      'Add(x, W) -> e',
    ]);
    const whole = applyRecipe(m, recipe(cast({ keepOps: ['If'] })));
    assert.deepEqual(
      whole.changes.map((c) => c.reason),
      ['it is to stay float32', 'it is to stay float32'],
    );
  });

  it('does not look into bodies of operators with types of their own', () => {
    const m = model(
      graph({
        inputs: [value('x', [4])],
        outputs: [value('y', [4])],
        initializers: [floats('W', [4], ramp(4))],
        nodes: [
          node('SequenceConstruct', ['x', 'x'], ['s']),
          node('SequenceMap', ['s'], ['mapped'], {
            name: 'map',
            body: graph({
              inputs: [value('e', [4])],
              outputs: [value('f', [4])],
              nodes: [node('Mul', ['e', 'W'], ['f'], { name: 'mul' })],
            }),
          }),
          node('ConcatFromSequence', ['mapped'], ['y'], { axis: 0 }),
        ],
      }),
      { opset: 17 },
    );
    const { changes } = applyRecipe(m, recipe(cast()));
    assert.deepEqual(
      changes.map((c) => [c.node, c.reason]),
      [['map/body/mul', 'it is inside a subgraph of SequenceMap, which stays float32']],
    );
  });

  const runs = Number(process.env['CAST_RUNS'] ?? 15);
  it('computes the same in random networks with If, Loop and Scan', async () => {
    let inside = 0;
    await fc.assert(
      fc.asyncProperty(randomNetOfBodies, fc.boolean(), async (m, isEven) => {
        const input = feeds({ x: [1, 3, 4, 4] });
        const keepFloat32 = { glob: isEven ? '*[02468]*' : '*[13579]*' };
        const { model: low, changes } = applyRecipe(m, recipe(cast({ keepFloat32 })));
        const outside = casted(m, { keepFloat32, keepOps: ['If', 'Loop', 'Scan'] });
        const [difference, usual] = [await apart(m, low, input), await apart(m, outside, input)];
        // beyond 65504, where float16 ends
        fc.pre(Number.isFinite(difference) && Number.isFinite(usual));
        if (difference >= 0.02 + 4 * usual) {
          const most = await sensitivity(m, input);
          const others = `outside of bodies by ${usual}, by rounding alone ${most}`;
          assert.ok(difference < 2 * most, `differs by ${difference}, ${others}`);
        }
        if (changes.some((c) => c.status === 'applied' && /_branch\/|\/body\//.test(c.node))) inside++;
      }),
      { numRuns: runs, endOnFailure: true },
    );
    assert.ok(inside > 3, `${inside} with nodes inside`);
  }).timeout(60_000 + 500 * runs);
});

describe('cast to float16 of what makes float32', () => {
  const made = (...nodes: readonly Parameters<typeof node>[]) =>
    model(
      graph({
        inputs: [value('n', [4], int64)],
        outputs: [value('y', [4])],
        initializers: [floats('W', [4], ramp(4)), int64s('axis', [], [0])],
        nodes: [
          node('Cast', ['n'], ['f'], { name: 'cast', to: 1 }),
          node('Shape', ['f'], ['dims']),
          node('ConstantOfShape', ['dims'], ['zeros'], { name: 'fill' }),
          ...nodes.map((spec) => node(...spec)),
        ],
      }),
      { opset: 17 },
    );

  it('lets it make float16 where that alone is taken; a Shape takes what is there', () => {
    const m = made(['Mul', ['f', 'W'], ['a']], ['Add', ['a', 'zeros'], ['y']]);
    assert.deepEqual(listing(casted(m).graph), [
      'Cast(n) -> f_float16',
      'Shape(f_float16) -> dims',
      'ConstantOfShape(dims) -> zeros_float16',
      'Mul(f_float16, W_float16) -> a_float16',
      'Add(a_float16, zeros_float16) -> y_float16',
      'Cast(y_float16) -> y',
    ]);
    const fill = casted(m).graph.nodes[2]?.attributes.get('value');
    assert.deepEqual(fill?.kind === 'tensor' && [fill.value.dataType, fill.value.dims], [float16, [1]]);
  });

  it('keeps it float32 where a node takes that', () => {
    const m = made(
      ['CumSum', ['f', 'axis'], ['c']],
      ['Mul', ['f', 'W'], ['a']],
      ['Add', ['a', 'zeros'], ['b']],
      ['Add', ['b', 'c'], ['y']],
    );
    const lines = listing(casted(m).graph);
    assert.deepEqual(lines.slice(0, 3), [
      'Cast(n) -> f',
      'Shape(f) -> dims',
      'ConstantOfShape(dims) -> zeros_float16',
    ]);
    assert.ok(lines.includes('Cast(f) -> f_float16'));
  });
});
