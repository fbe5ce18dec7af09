/** What is said of a form before it is applied, and which form is named instead. */
import assert from 'node:assert/strict';
import { recipeWarnings, recommendForm, type Edit } from '../../../src/transforms/index.ts';
import { floats, graph, model, node, ramp, value } from '../../support/model-builder.ts';
import type { EpName } from '../../../src/analysis/index.ts';
import { blocks, cast, prune, quantize, recipe } from './edits.ts';
import { staticEdit } from './static/support.ts';

const m = model(
  graph({
    inputs: [value('x')],
    outputs: [value('y')],
    initializers: [floats('W', [16, 16], ramp(256)), floats('K', [4, 4, 2, 2], ramp(64))],
    nodes: [
      node('MatMul', ['x', 'W'], ['a'], { name: 'a' }),
      node('MatMul', ['a', 'W'], ['b'], { name: 'b' }),
      node('Conv', ['b', 'K'], ['y'], { name: 'c' }),
    ],
  }),
);

describe('recommendForm', () => {
  const cases: [Parameters<typeof recommendForm>[0], string, string | undefined][] = [
    ['cpu', 'MatMul', 'dynamic int8'],
    ['cpu', 'Conv', 'dynamic int8'],
    ['webgpu', 'MatMul', '8-bit blocks'],
    ['webgpu', 'Gemm', '8-bit blocks'],
    ['webgpu', 'Conv', undefined],
    ['cpu', 'Relu', undefined],
    ['tensorrt', 'Conv', 'static int8'],
    ['cpu', 'ConvTranspose', undefined],
  ];
  for (const [ep, opType, name] of cases) {
    it(`for ${opType} on ${ep}: ${name ?? 'none'}`, () =>
      assert.equal(recommendForm(ep, opType)?.name, name));
  }
});

describe('recipeWarnings', () => {
  it('names the form that would stay small, once per operator', () => {
    const found = recipeWarnings(m, recipe(quantize()), 'webgpu');
    assert.deepEqual(
      found.map((w) => [w.code, w.message.slice(0, w.message.indexOf(':'))]),
      [
        [
          'cpu-fallback',
          'On webgpu, dynamic int8 MatMul (2 layers) leaves the device for the CPU; use 8-bit blocks',
        ],
        [
          'cpu-fallback',
          'On webgpu, dynamic int8 Conv (1 layer) leaves the device for the CPU; no form of Conv weights stays small there',
        ],
      ],
    );
  });

  it('tells where static int8 keeps nothing small, and with 16 bits nowhere', () => {
    assert.deepEqual(recipeWarnings(m, recipe(staticEdit()), 'cpu', { int8Overflows: false }), []);
    const [matMul, conv] = recipeWarnings(m, recipe(staticEdit()), 'webgpu');
    assert.match(matMul?.message ?? '', /^On webgpu, static int8 MatMul .*; use 8-bit blocks/);
    assert.match(conv?.message ?? '', /^On webgpu, static int8 Conv .* saves no memory; no form of Conv/);
    const wide = staticEdit({ activationType: 'int16', isSymmetric: true });
    assert.match(
      recipeWarnings(m, recipe(wide), 'cpu').at(-1)?.message ?? '',
      /^On cpu, static int8 with 16-bit activations Conv .*use dynamic int8/,
    );
  });

  it('tells of floats of 16 bits where they are expanded, and where no session would be made', () => {
    const said = (to: 'float16' | 'bfloat16', ep: EpName) =>
      recipeWarnings(m, recipe(cast({ to })), ep).map((w) => [w.code, w.message.split(';')[0]]);
    assert.deepEqual(said('float16', 'cpu'), [
      ['expanded', 'On cpu, float16 MatMul (2 layers) is expanded to float and saves no memory'],
      ['expanded', 'On cpu, float16 Conv (1 layer) is expanded to float and saves no memory'],
    ]);
    assert.deepEqual(said('bfloat16', 'webgpu')[0], [
      'refused',
      'On webgpu, bfloat16 MatMul (2 layers) is refused, and with it the model',
    ]);
    assert.deepEqual(said('bfloat16', 'cuda'), []);
  });

  it('tells of int8 products that overflow on the machine, and of none elsewhere', () => {
    const said = (edit: Edit, int8Overflows: boolean | undefined, ep: EpName = 'cpu') =>
      recipeWarnings(m, recipe(edit), ep, { int8Overflows })
        .filter((w) => w.code === 'int8-overflow')
        .map((w) => w.message.slice(0, w.message.indexOf(' overflow')));
    const of = (layers: string) => [
      `On this processor, products of int8 weights and uint8 activations (${layers})`,
    ];
    // Conv gets uint8 weights by dynamic int8, whatever is said
    assert.deepEqual(said(quantize(), true), of('2 layers'));
    assert.deepEqual(said(quantize({ layers: { nodes: ['a'] } }), true), of('1 layer'));
    assert.deepEqual(said(staticEdit(), true), of('3 layers'));
    for (const edit of [
      quantize({ weightType: 'uint8' }),
      quantize({ reduceRange: true }),
      quantize({ layers: { nodes: ['c'] } }),
      staticEdit({ weightType: 'uint8' }),
      staticEdit({ reduceRange: true }),
      staticEdit({ activationType: 'int8' }),
      staticEdit({ activationType: 'int16' }),
      blocks(),
      cast(),
    ]) {
      assert.deepEqual(said(edit, true), [], JSON.stringify(edit));
    }
    for (const edit of [quantize(), staticEdit()]) {
      for (const overflows of [false, undefined]) assert.deepEqual(said(edit, overflows), []);
      assert.deepEqual(said(edit, true, 'cuda'), []);
    }
  });

  it('counts layers that have weights, not products of activations', () => {
    const { graph: g } = m;
    const products = { ...m, graph: { ...g, nodes: [node('MatMul', ['x', 'x'], ['y'], { name: 'a' })] } };
    assert.deepEqual(recipeWarnings(products, recipe(quantize()), 'webgpu', { int8Overflows: true }), []);
    assert.deepEqual(recipeWarnings(products, recipe(quantize()), 'cpu', { int8Overflows: true }), []);
  });

  it('says nothing where the form stays small, or nothing is quantized', () => {
    assert.deepEqual(recipeWarnings(m, recipe(quantize()), 'cpu', { int8Overflows: false }), []);
    assert.deepEqual(recipeWarnings(m, recipe(blocks()), 'webgpu'), []);
    assert.deepEqual(recipeWarnings(m, recipe(prune()), 'webgpu'), []);
  });
});
