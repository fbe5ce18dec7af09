/** What is said of a form before it is applied, and which form is named instead. */
import assert from 'node:assert/strict';
import { recipeWarnings, recommendForm } from '../../../src/transforms/index.ts';
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
    assert.deepEqual(recipeWarnings(m, recipe(staticEdit()), 'cpu'), []);
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

  it('says nothing where the form stays small, or nothing is quantized', () => {
    assert.deepEqual(recipeWarnings(m, recipe(quantize()), 'cpu'), []);
    assert.deepEqual(recipeWarnings(m, recipe(blocks()), 'webgpu'), []);
    assert.deepEqual(recipeWarnings(m, recipe(prune()), 'webgpu'), []);
  });
});
