/** The peaks of models with If, Loop and Scan against ONNX Runtime's, of the first run and from the second on, to the byte. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { analyze, type Optimization } from '../../../src/analysis/index.ts';
import { DataType, openModel, saveModel, type Model, type Node } from '../../../src/onnx/index.ts';
import { floats, graph, int64s, ints, model, node, value } from '../../support/model-builder.ts';
import { inTemporaryFolder } from '../../support/onnx-files.ts';
import { Workers } from '../runtime/worker-bundle.ts';

type Size = number | string;
const width = 1000;
/** Of the loops. */
const turns = 5;

/** Values of several sizes, some of which can take the memory of others. */
function chain(from: string, to: string): Node[] {
  const [a, b, c, d, e, f] = [`${to}.a`, `${to}.b`, `${to}.c`, `${to}.d`, `${to}.e`, `${to}.f`];
  return [
    node('Add', [from, 'one'], [a]),
    node('Concat', [a, a], [b], { axis: 1 }),
    node('Exp', [b], [c]),
    node('Mul', [b, c], [d]),
    node('ReduceSum', [d, 'axes'], [e], { keepdims: 1 }),
    node('Add', [a, e], [f]),
    node('Sub', [f, a], [to]),
  ];
}

const constants = [floats('one', [width]), floats('none', []), ints('axes', [1]), ints('first', [0])];

/** Chains before, in both branches, and, unless the If comes last, after it. */
function ifModel(batch: Size, isLast: boolean): Model {
  const branch = (name: string) =>
    graph({
      nodes: [...chain('h', name), ...chain(name, `${name}2`)],
      outputs: [value(name, [batch, width]), value(`${name}2`, [batch, width])],
    });
  const condition = [
    node('ReduceSum', ['x'], ['sum'], { keepdims: 0 }),
    node('Greater', ['sum', 'none'], ['more']),
  ];
  const bodies = { then_branch: branch('then'), else_branch: branch('else') };
  const nodes = [...condition, ...chain('x', 'h'), node('If', ['more'], ['r', 'q'], bodies)];
  return model(
    graph({
      inputs: [value('x', [batch, width])],
      nodes: isLast ? nodes : [...nodes, ...chain('r', 'y')],
      outputs: [value(isLast ? 'r' : 'y'), value('q')],
      initializers: constants,
    }),
  );
}

/** @param collects what each turn makes, too */
function loopModel(batch: Size, collects: boolean): Model {
  const body = graph({
    inputs: [value('i', [], DataType.int64), value('go', [], DataType.bool), value('state', [batch, width])],
    nodes: [
      node('Identity', ['go'], ['go on']),
      ...chain('state', 'next'),
      ...(collects ? [node('Neg', ['next'], ['each'])] : []),
    ],
    outputs: [
      value('go on', [], DataType.bool),
      value('next', [batch, width]),
      ...(collects ? [value('each', [batch, width])] : []),
    ],
  });
  const all = collects ? ['all'] : [];
  return model(
    graph({
      inputs: [value('x', [batch, width])],
      nodes: [
        ...chain('x', 'h'),
        node('Loop', ['turns', '', 'h'], ['r', ...all], { body }),
        ...chain('r', 'y'),
      ],
      outputs: ['y', ...all].map((name) => value(name)),
      initializers: [...constants, int64s('turns', [], [turns])],
    }),
  );
}

function scanModel(batch: Size, hasState: boolean): Model {
  const size: Size[] = [batch, width];
  const body = graph({
    inputs: [...(hasState ? [value('state', size)] : []), value('part', size)],
    nodes: [
      hasState ? node('Add', ['state', 'part'], ['seen']) : node('Abs', ['part'], ['seen']),
      ...chain('seen', 'next'),
      node('Neg', ['next'], ['each']),
    ],
    outputs: [...(hasState ? [value('next', size)] : []), value('each', size)],
  });
  const state = (name: string) => (hasState ? [name] : []);
  const nodes = [
    node('ReduceSum', ['x', 'first'], ['x0'], { keepdims: 0 }),
    ...chain('x0', 'h'),
    node('Neg', ['x'], ['parts']),
    node('Scan', [...state('h'), 'parts'], [...state('r'), 'all'], { num_scan_inputs: 1, body }),
    ...chain(hasState ? 'r' : 'h', 'y'),
  ];
  const inputs = [value('x', [turns, batch, width])];
  return model(graph({ inputs, nodes, outputs: [value('y'), value('all')], initializers: constants }));
}

describe('the memory of models with bodies', function () {
  this.timeout(120_000);
  const workers = new Workers();
  const dims = { batch: 16 };

  async function agree(
    file: string,
    at: Readonly<Record<string, number>>,
    optimization: Optimization = 'all',
  ): Promise<void> {
    const opened = await openModel(file);
    const estimate = analyze(opened).estimate({ dims: at, isRepeated: true, optimization });
    await opened.source.close();
    const { memInUsePeakBytes } = await workers.shared.profile(file, { dims: at, runs: 3, optimization });
    const { totalPeak, repeatedPeakBytes } = estimate;
    assert.deepEqual([totalPeak.bytes, repeatedPeakBytes, repeatedPeakBytes], memInUsePeakBytes);
  }

  const cases: readonly (readonly [string, Model])[] = [
    ['an If amid others, of sizes known before', ifModel(16, false)],
    ['an If amid others', ifModel('batch', false)],
    ['an If that gives the outputs, of sizes known before', ifModel(16, true)],
    ['a Loop', loopModel('batch', false)],
    ['a Loop that collects', loopModel(16, true)],
    ['a Scan with a state', scanModel('batch', true)],
    ['a Scan without, of sizes known before', scanModel(16, false)],
    ['a Scan without', scanModel('batch', false)],
  ];
  for (const [name, made] of cases)
    it(`is that of ${name}`, async () => {
      await inTemporaryFolder(async (folder) => {
        const file = path.join(folder, 'bodies.onnx');
        await saveModel(made, file);
        await agree(file, dims);
      });
    });

  it('is that of Silero VAD, whose Ifs are within Ifs', async () => {
    const modules = path.resolve(import.meta.dirname, '../../../node_modules');
    const file = path.join(modules, '@ricky0123/vad-web/dist/silero_vad_legacy.onnx');
    for (const batch of [1, 16])
      for (const optimization of ['disabled', 'all'] as const)
        await agree(file, { batch, sequence: 1536 }, optimization);
  });
});
