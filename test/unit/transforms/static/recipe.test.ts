import assert from 'node:assert/strict';
import { describeEdit, parseRecipe, RecipeError, serializeRecipe } from '../../../../src/transforms/index.ts';
import { recipe } from '../edits.ts';
import { staticEdit } from './support.ts';

describe('a static edit in a recipe', () => {
  it('comes back as it was written, options included', () => {
    const full = staticEdit({
      format: 'qoperator',
      range: 'percentile',
      percentile: 99.9,
      reduceRange: true,
      smoothQuant: 0.5,
      equalize: true,
      biasCorrection: true,
    });
    for (const edit of [staticEdit(), full]) {
      assert.deepEqual(parseRecipe(serializeRecipe(recipe(edit))), recipe(edit));
    }
    assert.equal(
      describeEdit(staticEdit({ range: 'entropy', isSymmetric: true, smoothQuant: 0.5 })),
      'static uint8 activations and int8 weights (QDQ), per tensor, entropy ranges, symmetric, SmoothQuant 0.5, of all layers',
    );
  });

  const WRONG: readonly [change: object, message: RegExp][] = [
    [
      { activationType: 'int4' },
      /edits\[0\]\.activationType: expected "uint8" or "int8" or "uint16" or "int16"/,
    ],
    [{ range: 'max' }, /edits\[0\]\.range/],
    [{ range: 'percentile', percentile: 0 }, /edits\[0\]\.percentile: expected a number above 0, up to 100/],
    [{ percentile: 99 }, /edits\[0\]\.percentile: goes with "range": "percentile" only/],
    [
      { activationType: 'int8', weightType: 'uint8' },
      /edits\[0\]\.weightType: int8 activations need int8 weights/,
    ],
    [
      { activationType: 'int16', format: 'qoperator' },
      /edits\[0\]\.activationType: integer operators take 8-bit/,
    ],
    [{ smoothQuant: 2 }, /edits\[0\]\.smoothQuant: expected a number from 0 to 1/],
    [{ isSymmetric: undefined }, /edits\[0\]\.isSymmetric: expected true or false, got nothing/],
  ];
  for (const [change, message] of WRONG) {
    it(`refuses ${JSON.stringify(change)}`, () => {
      const text = JSON.stringify({ ...recipe(), edits: [{ ...staticEdit(), ...change }] });
      assert.throws(
        () => parseRecipe(text),
        (e) => e instanceof RecipeError && message.test(e.message),
      );
    });
  }
});
