/** Recipes as text and as lists. */
import assert from 'node:assert/strict';
import {
  describeEdit,
  layerMatcher,
  parseRecipe,
  removeLayers,
  serializeRecipe,
} from '../../../src/transforms/index.ts';
import { blocks, cast, prune, quantize, recipe } from './edits.ts';

const good = recipe(
  quantize({ layers: { glob: '/encoder/**', except: ['/encoder/fc'] } }),
  prune({ layers: { nodes: ['a'] }, method: 'random', seed: 3 }),
);

describe('recipe text', () => {
  it('comes back as it was written', () => {
    assert.deepEqual(parseRecipe(serializeRecipe(good)), good);
    const withDigest = { ...good, source: { ...good.source, digest: 'ab12' } };
    assert.deepEqual(parseRecipe(serializeRecipe(withDigest)), withDigest);
    for (const calibration of [
      { path: 'calib.npz', samples: 64, batchSize: 8 },
      { samples: 1, batchSize: 1 },
      { path: 'a.npz', samples: 1, batchSize: 1, inputs: { h: 'zeros' }, batchAxes: { c: 1, sr: null } },
    ]) {
      const calibrated = { ...good, calibration };
      assert.deepEqual(parseRecipe(serializeRecipe(calibrated)), calibrated);
    }
    const inBlocks = recipe(
      blocks(),
      blocks({ bits: 8, blockSize: 256, isSymmetric: true, accuracyLevel: 4 }),
    );
    assert.deepEqual(parseRecipe(serializeRecipe(inBlocks)), inBlocks);
    const casts = recipe(
      cast(),
      cast({ to: 'bfloat16', keepIo: false, keepFloat32: { glob: '/a/**' }, keepOps: ['Softmax'] }),
    );
    assert.deepEqual(parseRecipe(serializeRecipe(casts)), casts);
    assert.equal(
      describeEdit(casts.edits[1]!),
      'bfloat16, inputs and outputs too, for all layers, but layers matching /a/**, Softmax',
    );
  });

  const edit = (changes: object) => ({ ...good, edits: [{ ...good.edits[1], ...changes }] });
  const quant = (changes: object) => ({ ...good, edits: [{ ...good.edits[0], ...changes }] });
  const block = (changes: object) => ({ ...good, edits: [{ ...blocks(), ...changes }] });
  const half = (changes: object) => ({ ...good, edits: [{ ...cast(), ...changes }] });
  const bad: [string, unknown, string][] = [
    ['an unknown float', half({ to: 'float8' }), 'edits[0].to'],
    ['inputs kept by name', half({ keepIo: ['x'] }), 'edits[0].keepIo'],
    ['operators that are no list', half({ keepOps: 'Relu' }), 'edits[0].keepOps'],
    ['kept layers that select nothing', half({ keepFloat32: {} }), 'edits[0].keepFloat32'],
    ['another version', { ...good, version: 2 }, 'version'],
    ['no source', { ...good, source: undefined }, 'source'],
    ['a size that is no size', { ...good, source: { name: 'm', sizeBytes: -1 } }, 'source.sizeBytes'],
    [
      'a batch axis that is none',
      { ...good, calibration: { samples: 1, batchSize: 1, batchAxes: { h: -1 } } },
      'calibration.batchAxes.h',
    ],
    ['calibration of no samples', { ...good, calibration: { samples: 0 } }, 'calibration.samples'],
    ['edits that are no list', { ...good, edits: {} }, 'edits'],
    ['an unknown edit', edit({ type: 'melt' }), 'edits[0].type'],
    ['a ratio over 1', edit({ ratio: 1.5 }), 'edits[0].ratio'],
    ['a ratio as text', edit({ ratio: '0.5' }), 'edits[0].ratio'],
    ['an unknown method', edit({ method: 'best' }), 'edits[0].method'],
    ['a seed that is no number', edit({ seed: null }), 'edits[0].seed'],
    ['no bias', edit({ bias: undefined }), 'edits[0].bias'],
    ['no layers', edit({ layers: {} }), 'edits[0].layers'],
    ['two selectors', edit({ layers: { all: true, glob: '*' } }), 'edits[0].layers'],
    ['a node that is no text', edit({ layers: { nodes: ['a', 1] } }), 'edits[0].layers.nodes[1]'],
    ['all: false', edit({ layers: { all: false } }), 'edits[0].layers.all'],
    ['an unknown form', quant({ form: 'int1' }), 'edits[0].form'],
    ['an unknown granularity', quant({ granularity: 'row' }), 'edits[0].granularity'],
    ['3 bits', block({ bits: 3 }), 'edits[0].bits'],
    ['bits as text', block({ bits: '4' }), 'edits[0].bits'],
    ['a block that is no power of two', block({ blockSize: 48 }), 'edits[0].blockSize'],
    ['a block that is too small', block({ blockSize: 8 }), 'edits[0].blockSize'],
    ['symmetry that is no yes or no', block({ isSymmetric: 1 }), 'edits[0].isSymmetric'],
    ['an unknown accuracy level', block({ accuracyLevel: 5 }), 'edits[0].accuracyLevel'],
    ['an unknown weight type', quant({ weightType: 'int3' }), 'edits[0].weightType'],
  ];
  for (const [title, json, field] of bad) {
    it(`is refused with ${title}, naming ${field}`, () => {
      assert.throws(() => parseRecipe(JSON.stringify(json)), { name: 'RecipeError', field });
    });
  }

  const cleaning = (changes: object) => ({ ...good, edits: [{ type: 'clean', unused: true, ...changes }] });
  const badCleaning: [string, unknown, string][] = [
    ['neither unused nor duplicates', cleaning({ unused: false }), 'edits[0]'],
    ['unused that is no yes or no', cleaning({ unused: 'w' }), 'edits[0].unused'],
    ['narrow that is no yes or no', cleaning({ narrow: 'float32' }), 'edits[0].narrow'],
    ['inline that is no yes or no', cleaning({ inline: 1 }), 'edits[0].inline'],
    ['duplicates by themselves', cleaning({ duplicates: true }), 'edits[0].duplicates'],
    ['a duplicate of nothing', cleaning({ duplicates: [['a', 'b'], ['c']] }), 'edits[0].duplicates[1]'],
    [
      'one name twice',
      cleaning({
        duplicates: [
          ['a', 'b'],
          ['c', 'b'],
        ],
      }),
      'edits[0].duplicates[1]',
    ],
  ];
  for (const [title, json, field] of badCleaning) {
    it(`is refused with ${title}, naming ${field}`, () => {
      assert.throws(() => parseRecipe(JSON.stringify(json)), { name: 'RecipeError', field });
    });
  }

  it('tells what is cleaned', () => {
    const both = recipe({ type: 'clean', unused: true, duplicates: [['a', 'b', 'c']] });
    assert.deepEqual(parseRecipe(serializeRecipe(both)), both);
    assert.equal(describeEdit(both.edits[0]!), 'remove unused initializers, merge 2 duplicate initializers');
    assert.deepEqual(removeLayers(both, ['a']), both);
    const narrow = recipe({ type: 'clean', unused: false, narrow: true });
    assert.deepEqual(parseRecipe(serializeRecipe(narrow)), narrow);
    const inline = recipe({ type: 'clean', unused: false, inline: true });
    assert.deepEqual(parseRecipe(serializeRecipe(inline)), inline);
  });

  it('is refused where it is no JSON', () => {
    assert.throws(() => parseRecipe('{'), /recipe: is not JSON/);
  });
});

describe('removeLayers', () => {
  const cases: [string, Parameters<typeof quantize>[0], string[], object | undefined][] = [
    ['takes a node from a list', { layers: { nodes: ['a', 'b'] } }, ['a'], { nodes: ['b'] }],
    ['takes the edit with its last node', { layers: { nodes: ['a'] } }, ['a'], undefined],
    ['leaves an edit of other nodes', { layers: { nodes: ['c'] } }, ['a'], { nodes: ['c'] }],
    ['makes an exception of all', { layers: { all: true } }, ['a'], { all: true, except: ['a'] }],
    ['makes an exception of a glob', { layers: { glob: 'x*' } }, ['x1', 'y'], { glob: 'x*', except: ['x1'] }],
    [
      'adds to the exceptions',
      { layers: { all: true, except: ['a'] } },
      ['a', 'b'],
      { all: true, except: ['a', 'b'] },
    ],
  ];
  for (const [title, options, nodes, layers] of cases) {
    it(title, () => {
      const { edits } = removeLayers(recipe(quantize(options)), nodes);
      assert.deepEqual(
        edits.map((e) => (e.type === 'clean' ? e : e.layers)),
        layers === undefined ? [] : [layers],
      );
    });
  }
});

describe('layerMatcher', () => {
  const cases: [string, string, boolean][] = [
    ['/encoder/*', '/encoder/fc', true],
    ['/encoder/*', '/encoder/0/fc', false],
    ['/encoder/**', '/encoder/0/fc', true],
    ['**/fc{1,2}/MatMul', '/a/fc2/MatMul', true],
    ['conv[0]', 'conv[0]', true], // the very id, though brackets mean something else in a glob
    ['conv[0]', 'conv1', false],
    ['*', 'If_3', true],
  ];
  for (const [glob, id, expected] of cases) {
    it(`${glob} ${expected ? 'selects' : 'leaves out'} ${id}`, () => {
      assert.equal(layerMatcher({ glob })(id), expected);
    });
  }
});

describe('describeEdit', () => {
  const cases: [string, Parameters<typeof describeEdit>[0]][] = [
    [
      'dynamic int8, per channel, of layer1',
      quantize({ granularity: 'per-channel', layers: { nodes: ['layer1'] } }),
    ],
    [
      'dynamic uint8, per tensor, 7 bits, of all layers but 1',
      quantize({ weightType: 'uint8', reduceRange: true, layers: { all: true, except: ['a'] } }),
    ],
    ['4-bit blocks of 16, of all layers', blocks()],
    [
      '8-bit blocks of 128, symmetric, accuracy level 4, of a',
      blocks({ bits: 8, blockSize: 128, isSymmetric: true, accuracyLevel: 4, layers: { nodes: ['a'] } }),
    ],
    [
      'prune 50 % of the weights (smallest magnitudes) of layers matching /e/**',
      prune({ layers: { glob: '/e/**' } }),
    ],
    [
      'prune 12.5 % of the weights and biases (random, seed 4) of 2 layers',
      prune({ ratio: 0.125, bias: true, method: 'random', seed: 4, layers: { nodes: ['a', 'b'] } }),
    ],
  ];
  for (const [text, edit] of cases) it(text, () => assert.equal(describeEdit(edit), text));
});
