/** Casts around operators with types of their own. */
import assert from 'node:assert/strict';
import type { Model } from '../../../src/onnx/model.ts';
import { applicability, applyRecipe, type CastEdit } from '../../../src/transforms/index.ts';
import { constant, floats, graph, int64s, model, node, ramp, value } from '../../support/model-builder.ts';
import { cast, listing, recipe } from './edits.ts';

describe('cast to 16 bits, of operators with types of their own', () => {
  it('hands on a constant that goes through an Identity', () => {
    const through = model(
      graph({
        inputs: [value('x', [4])],
        outputs: [value('y', [4])],
        initializers: [floats('W', [4], ramp(4))],
        nodes: [
          node('Identity', ['W'], ['w'], { name: 'id' }),
          node('Mul', ['x', 'w'], ['y'], { name: 'mul' }),
        ],
      }),
    );
    assert.deepEqual(listing(applyRecipe(through, recipe(cast())).model.graph), [
      'Identity(W_float16) -> w_float16',
      'Cast(x) -> x_float16',
      'Mul(x_float16, w_float16) -> y_float16',
      'Cast(y_float16) -> y',
    ]);
  });

  it('leaves scattered sums float32, which the CPU cannot add up in 16 bits', () => {
    const scatter = (reduction: string) =>
      model(
        graph({
          inputs: [value('x', [4])],
          outputs: [value('y', [4])],
          initializers: [floats('W', [4], ramp(4)), floats('u', [2], [1, 2])],
          nodes: [
            node('Mul', ['x', 'W'], ['a'], { name: 'mul' }),
            constant('i', int64s('', [2, 1], [0, 0])),
            node('ScatterND', ['a', 'i', 'u'], ['y'], { name: 'scatter', reduction }),
          ],
        }),
        { opset: 18 },
      );
    const of = (m: Model) => applicability(m, cast()).get('scatter')?.cast;
    assert.deepEqual(of(scatter('add')), {
      ok: false,
      reason: 'its reduction has no 16-bit kernel on the CPU',
    });
    assert.equal(of(scatter('none'))?.ok, true);
  });

  it("keeps Resize's scales float32", () => {
    const resize = model(
      graph({
        inputs: [value('x', [1, 1, 2, 2])],
        outputs: [value('y', [1, 1, 4, 4])],
        initializers: [floats('W', [1, 1, 1, 1], [2]), floats('scales', [4], [1, 1, 2, 2])],
        nodes: [
          node('Conv', ['x', 'W'], ['c'], { name: 'conv' }),
          node('Resize', ['c', '', 'scales'], ['y'], { name: 'resize' }),
        ],
      }),
    );
    const { model: m } = applyRecipe(resize, recipe(cast()));
    assert.ok(listing(m.graph).includes('Resize(c_float16, , scales) -> y_float16'));
  });

  it('keeps the mean and the deviation of a LayerNormalization float32', () => {
    const normal = model(
      graph({
        inputs: [value('x', [2, 4])],
        outputs: [value('y', [2, 4]), value('mean', [2, 1]), value('deviation', [2, 1])],
        initializers: [floats('scale', [4], ramp(4))],
        nodes: [node('LayerNormalization', ['x', 'scale'], ['y', 'mean', 'deviation'], { name: 'n' })],
      }),
      { opset: 17 },
    );
    assert.deepEqual(listing(applyRecipe(normal, recipe(cast({ keepIo: false }))).model.graph), [
      'LayerNormalization(x, scale_float16) -> y, mean_float32, deviation_float32',
      'Cast(mean_float32) -> mean',
      'Cast(deviation_float32) -> deviation',
    ]);
  });

  it('raises the opset to what the type needs: 15 where bfloat16 is a power', () => {
    const power = model(
      graph({
        inputs: [value('x', [4])],
        outputs: [value('y', [4])],
        initializers: [floats('e', [4], ramp(4))],
        nodes: [node('Pow', ['x', 'e'], ['y'], { name: 'pow' })],
      }),
      { opset: 13 },
    );
    const opset = (edit: CastEdit) =>
      applyRecipe(power, recipe(edit)).model.opsetImports.find((o) => o.domain === '')?.version;
    assert.deepEqual([opset(cast({ to: 'bfloat16' })), opset(cast())], [15, 13]);
  });
});
