/** What calibration data decide inside of If, Loop and Scan: the same as of the same layers outside of a body. */
import assert from 'node:assert/strict';
import * as ort from 'onnxruntime-node';
import { DataType, type Graph, type Model } from '../../../../src/onnx/model.ts';
import type { Edit } from '../../../../src/transforms/index.ts';
import { floats, graph, int64s, ints, model, node, value } from '../../../support/model-builder.ts';
import { TestFolder } from '../../runtime/numpy-files.ts';
import { Workers } from '../../runtime/worker-bundle.ts';
import { prune } from '../edits.ts';
import { residual, squared, withData, type Case } from './repair-cases.ts';
import { channels, run, type Feeds } from './zeroed.ts';

const SIZE = [2, 6, 6] as const;
const [TURNS, EACH] = [8, 4];

/** As a graph that sees `x` of the graph around it, or has it for an input. */
function inner({ graph: own }: Model, inputs: Graph['inputs'] = []): Graph {
  const outputs = own.outputs.map((o) => value(o.name));
  return graph({ inputs, outputs, nodes: own.nodes, initializers: [...own.initializers.values()] });
}

/** Another way to the same shape. */
function other(x: string): Graph {
  const weights = Array.from({ length: 6 }, (_, i) => (i - 2) / 3);
  const nodes = [node('Conv', [x, 'other.w'], ['other'], { name: 'other', kernel_shape: [1, 1] })];
  return graph({
    outputs: [value('other')],
    nodes,
    initializers: [floats('other.w', [3, 2, 1, 1], weights)],
  });
}

const rowsOf = (input: Feeds): Float32Array => input['x']!.data as Float32Array;
const stacked = (input: Feeds): Feeds => ({
  x: new ort.Tensor('float32', rowsOf(input), [TURNS, EACH, ...SIZE]),
});

/** x decides by its sum, and has to: nothing about it is known before. */
function inIf({ model: own, input }: Case): Case {
  const nodes = [
    node('ReduceSum', ['x'], ['sum'], { name: 'sum', keepdims: 0 }),
    node('Less', ['sum', 'limit'], ['cond'], { name: 'cond' }),
    node('If', ['cond'], ['y'], { name: 'if', then_branch: inner(own), else_branch: other('x') }),
  ];
  const outer = graph({
    inputs: [value('x', [32, ...SIZE])],
    outputs: [value('y')],
    nodes,
    initializers: [floats('limit', [], [1e6])],
  });
  return { model: model(outer), input };
}

/** Eight turns of four samples. */
function inScan({ model: own, input }: Case): Case {
  const body = inner(own, [value('x', [EACH, ...SIZE])]);
  const outer = graph({
    inputs: [value('x', [TURNS, EACH, ...SIZE])],
    outputs: [value('y')],
    nodes: [node('Scan', ['x'], ['y'], { name: 'scan', num_scan_inputs: 1, body })],
  });
  return { model: model(outer), input: stacked(input) };
}

/** As {@link inScan}, by number; `odd`: turns of odd number go another way. */
function inLoop({ model: own, input }: Case, odd?: 'odd'): Case {
  const pick = node('Gather', ['all', 'i'], ['x'], { name: 'pick' });
  const ways = [
    node('Mod', ['i', 'two'], ['rest'], { name: 'rest' }),
    node('Equal', ['rest', 'zero'], ['even'], { name: 'even' }),
    node('If', ['even'], ['z'], { name: 'if', then_branch: inner(own), else_branch: other('x') }),
  ];
  const { nodes, initializers, outputs } = inner(own);
  const body = graph({
    inputs: [value('i', [], DataType.int64), value('go', [], DataType.bool)],
    outputs: [value('go_on', [], DataType.bool), ...(odd ? [value('z')] : outputs)],
    nodes: [node('Identity', ['go'], ['go_on'], { name: 'go' }), pick, ...(odd ? ways : nodes)],
    initializers: odd ? [] : [...initializers.values()],
  });
  const outer = graph({
    inputs: [value('all', [TURNS, EACH, ...SIZE])],
    outputs: [value('y')],
    nodes: [node('Loop', ['trips', ''], ['y'], { name: 'loop', body })],
    initializers: [ints('trips', [TURNS]), int64s('two', [], [2]), int64s('zero', [], [0])],
  });
  return { model: model(outer), input: { all: stacked(input)['x']! } };
}

/** The samples of turns of even number. */
function evenTurns({ model: own, input }: Case): Case {
  const each = EACH * SIZE.reduce((n, d) => n * d, 1);
  const values = rowsOf(input).filter((_, i) => Math.floor(i / each) % 2 === 0);
  const x = new ort.Tensor('float32', values, [(TURNS / 2) * EACH, ...SIZE]);
  const inputs = [value('x', [...x.dims])];
  return { model: { ...own, graph: { ...own.graph, inputs } }, input: { x } };
}

const same = (c: Case): Case => c;
const PLACES = [
  ['an If', inIf, same, ['least-squares'], []],
  ['a Scan', inScan, same, ['bias', 'least-squares'], ['sparsegpt']],
  ['a Loop', inLoop, same, ['bias'], []],
  [
    'an If inside of a Loop',
    (c: Case) => inLoop(c, 'odd'),
    evenTurns,
    ['statistics', 'least-squares'],
    ['wanda', 'sparsegpt'],
  ],
] as const;

describe('calibrated pruning inside of bodies', function () {
  this.timeout(120_000);
  const workers = new Workers();
  const folder = new TestFolder();
  const options = { folder, runner: () => workers.shared };

  const changed = (of: Case, edit: Edit): Promise<ort.Tensor> =>
    withData(of, [edit], async (m) => Object.values(await run(m, of.input))[0] as ort.Tensor, options);
  const before = async ({ model: m, input }: Case) => Object.values(await run(m, input))[0] as ort.Tensor;

  /** Of even turns, where the other ones go another way. */
  function comparable(got: ort.Tensor, want: ort.Tensor): ort.Tensor {
    if (got.data.length === want.data.length) return got;
    const each = want.data.length / (TURNS / 2);
    const values = (got.data as Float32Array).filter((_, i) => Math.floor(i / each) % 2 === 0);
    return new ort.Tensor('float32', values, want.dims);
  }

  for (const [place, within, alone, repairs, methods] of PLACES) {
    for (const repair of repairs)
      it(`${repair} repair in ${place} finds what it finds outside`, async () => {
        const of = repair === 'statistics' ? residual(true) : residual(false, ['a']);
        const [bare, edit] = [channels(), channels({ repair })];
        const outside = alone(of);
        const [original, want, worse] = [
          await before(outside),
          await changed(outside, edit),
          await changed(outside, bare),
        ];
        const got = comparable(await changed(within(of), edit), want);
        const scale = squared(want, new ort.Tensor('float32', new Float32Array(want.data.length), want.dims));
        assert.ok(squared(got, want) < 1e-6 * scale, `${squared(got, want)} of ${scale}`);
        const [left, without] = [squared(got, original), squared(worse, original)];
        assert.ok(left < (repair === 'least-squares' ? 0.4 : 0.95) * without, `${left} of ${without}`);
      });
    for (const method of methods)
      it(`${method} in ${place} zeroes what it zeroes outside`, async () => {
        const of = residual(false, ['a']);
        const edit = prune({ method, ratio: 0.5 });
        const want = await changed(alone(of), edit);
        const got = comparable(await changed(within(of), edit), want);
        const scale = squared(want, new ort.Tensor('float32', new Float32Array(want.data.length), want.dims));
        assert.ok(squared(got, want) < 1e-6 * scale, `${squared(got, want)} of ${scale}`);
        assert.ok(squared(await before(alone(of)), want) > 1e-3 * scale);
      });
  }

  describe('of a branch that no sample comes to', () => {
    const never = (): Case => {
      const { model: own, input } = residual(false, ['a']);
      const found = inIf({ model: own, input });
      const limit = floats('limit', [], [-1e6]);
      const initializers = new Map(found.model.graph.initializers).set('limit', limit);
      return { ...found, model: { ...found.model, graph: { ...found.model.graph, initializers } } };
    };

    it('is no repair, which is said, and the layers are as removal leaves them', async () => {
      const ids = ['a1', 'a2', 'out'].map((name) => `if/then_branch/${name}`);
      for (const repair of ['least-squares', 'bias'] as const) {
        const of = never();
        const said = await withData(
          of,
          [channels({ repair })],
          async (m, warnings) => {
            assert.ok(squared(await before({ ...of, model: m }), await before(of)) < 1e-10);
            return warnings;
          },
          options,
        );
        const reason = 'is not repaired: no sample of the calibration data reaches it';
        assert.deepEqual([...said].sort(), ids.map((id) => `${id} ${reason}`).sort());
      }
    });

    it('is an error of Wanda and SparseGPT, which names the value', async () => {
      for (const method of ['wanda', 'sparsegpt'] as const)
        await assert.rejects(
          changed(never(), prune({ method })),
          /no sample of the calibration data reaches "if\/then_branch › .*": give other data, or choose another method/,
        );
    });
  });
});
