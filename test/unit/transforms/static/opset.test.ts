import assert from 'node:assert/strict';
import { attributeInt, type Model } from '../../../../src/onnx/model.ts';
import { applyRecipe } from '../../../../src/transforms/index.ts';
import { floats, graph, model, node, ramp, value, type NodeSpec } from '../../../support/model-builder.ts';
import { blocks, listing, numbers, recipe } from '../edits.ts';
import { staticEdit } from './support.ts';

/** x [1, 2, 4, 4] of opset 9 → Conv → h → one node → y */
function behindConv(opType: string, attributes: NodeSpec, outputs = ['y']) {
  return model(
    graph({
      inputs: [value('x', [1, 2, 4, 4])],
      outputs: outputs.map((o) => value(o)),
      initializers: [floats('W', [2, 2, 1, 1])],
      nodes: [
        node('Conv', ['x', 'W'], ['h'], { name: 'conv' }),
        node(opType, ['h'], outputs, { name: 'n', ...attributes }),
      ],
    }),
    { opset: 9 },
  );
}

const perChannel = recipe(staticEdit({ granularity: 'per-channel' }));

describe('a scale per channel raises the opset to 13', () => {
  const h = 'h_DequantizeLinear_Output';
  const CASES: readonly [
    opType: string,
    attributes: NodeSpec,
    line: string,
    values: Record<string, number[]>,
  ][] = [
    ['Unsqueeze', { axes: [0] }, `Unsqueeze(${h}, n_axes)`, { n_axes: [0] }],
    ['Squeeze', { axes: [0] }, `Squeeze(${h}, n_axes)`, { n_axes: [0] }],
    ['Squeeze', {}, `Squeeze(${h})`, {}],
    ['ReduceSum', { axes: [2, 3] }, `ReduceSum(${h}, n_axes)`, { n_axes: [2, 3] }],
    ['Dropout', { ratio: 0.5 }, `Dropout(${h})`, {}],
    ['Softmax', { axis: 3 }, `Softmax(${h})`, {}],
  ];
  for (const [opType, attributes, line, values] of CASES) {
    it(`${opType} ${JSON.stringify(attributes)}`, async () => {
      const { model: m } = applyRecipe(behindConv(opType, attributes), perChannel);
      assert.deepEqual(m.opsetImports, [{ domain: '', version: 13 }]);
      const found = m.graph.nodes.findIndex((n) => n.opType === opType);
      assert.ok(listing(m.graph)[found]?.startsWith(`${line} ->`), listing(m.graph)[found]);
      for (const [name, expected] of Object.entries(values))
        assert.deepEqual(await numbers(m, name), expected);
      const axis = m.graph.nodes[found]!.attributes.get('axis');
      assert.deepEqual(axis?.kind === 'int' ? axis.value : undefined, opType === 'Softmax' ? -1n : undefined);
    });
  }

  it('Split', async () => {
    const split = behindConv('Split', { axis: 1, split: [1, 1] }, ['y', 'z']);
    const { model: m } = applyRecipe(split, perChannel);
    assert.ok(listing(m.graph).some((line) => line.startsWith(`Split(${h}, n_split) ->`)));
    assert.deepEqual(await numbers(m, 'n_split'), [1, 1]);
  });

  it('but not where Softmax ran over several axes, which 13 no longer does', () => {
    const { changes } = applyRecipe(behindConv('Softmax', { axis: 1 }), perChannel);
    assert.match(changes[0]!.reason ?? '', /Softmax "n" means something else from opset 13 on/);
    const perTensor = applyRecipe(behindConv('Softmax', { axis: 1 }), recipe(staticEdit()));
    assert.deepEqual(perTensor.model.opsetImports, [{ domain: '', version: 11 }]);
    assert.ok(listing(perTensor.model.graph).some((line) => line.startsWith('Softmax(')));
  });
});

/** x [1, 4, 4, 16] of opset 15 → MatMul → h → one node → y */
function behindMatMul(opType: string, attributes: NodeSpec, inputs = ['h'], outputs = ['y']) {
  return model(
    graph({
      inputs: [value('x', [1, 4, 4, 16])],
      outputs: outputs.map((o) => value(o)),
      initializers: [floats('W', [16, 4], ramp(64))],
      nodes: [
        node('MatMul', ['x', 'W'], ['h'], { name: 'fc' }),
        node(opType, inputs, outputs, { name: 'n', ...attributes }),
      ],
    }),
    { opset: 15 },
  );
}

const blocked = recipe(blocks({ operator: 'DequantizeLinear', bits: 8, layers: { nodes: ['fc'] } }));

describe('blocks in DequantizeLinear raise the opset to 21', () => {
  const text = (m: Model, name: string) => {
    const found = m.graph.nodes.find((n) => n.opType !== 'MatMul' && n.name === 'n')?.attributes.get(name);
    return found?.kind === 'string' ? Buffer.from(found.value).toString() : undefined;
  };

  it('moving the axes of reductions to an input', async () => {
    const { model: m } = applyRecipe(behindMatMul('ReduceMean', { axes: [2, 3], keepdims: 0 }), blocked);
    assert.deepEqual(m.opsetImports, [{ domain: '', version: 21 }]);
    assert.equal(listing(m.graph).at(-1), 'ReduceMean(h, n_axes) -> y');
    assert.deepEqual(await numbers(m, 'n_axes'), [2, 3]);
    const all = applyRecipe(behindMatMul('ReduceMax', {}), blocked).model;
    assert.equal(listing(all.graph).at(-1), 'ReduceMax(h) -> y');
  });

  it('telling Split how many parts it makes, where they are equal', () => {
    const parts = (inputs: string[]) =>
      applyRecipe(behindMatMul('Split', { axis: 1 }, inputs, ['y', 'z']), blocked).model.graph.nodes.at(-1)!;
    assert.equal(attributeInt(parts(['h']), 'num_outputs'), 2);
    assert.equal(attributeInt(parts(['h', 'sizes']), 'num_outputs'), undefined);
  });

  it('with the names that options have now', () => {
    const grid = (mode: NodeSpec) =>
      text(applyRecipe(behindMatMul('GridSample', mode, ['h', 'grid']), blocked).model, 'mode');
    assert.deepEqual(
      [grid({ mode: 'bilinear' }), grid({ mode: 'bicubic' }), grid({ mode: 'nearest' }), grid({})],
      ['linear', 'cubic', 'nearest', undefined],
    );
    const { model: m } = applyRecipe(behindMatMul('RoiAlign', {}, ['h', 'rois', 'indices']), blocked);
    assert.equal(text(m, 'coordinate_transformation_mode'), 'output_half_pixel');
  });

  const REFUSED: readonly [opType: string, attributes: NodeSpec, since: number][] = [
    ['GroupNormalization', { num_groups: 2 }, 21],
    ['DFT', {}, 20],
    ['AveragePool', { kernel_shape: [2, 2], ceil_mode: 1, count_include_pad: 1 }, 19],
  ];
  for (const [opType, attributes, since] of REFUSED) {
    it(`but not over ${opType}, which means something else from ${since} on`, () => {
      const { changes } = applyRecipe(behindMatMul(opType, attributes), blocked);
      assert.equal(
        changes[0]!.reason,
        `needs opset 21, the model has 15, and ${opType} "n" means something else from opset ${since} on`,
      );
    });
  }

  it('and over an AveragePool that counts no padding', () => {
    const pool = behindMatMul('AveragePool', { kernel_shape: [2, 2], ceil_mode: 1 });
    assert.equal(applyRecipe(pool, blocked).changes[0]!.status, 'applied');
  });
});
