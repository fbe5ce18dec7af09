/** What is said of the model as a whole is said at the first edit that does something. */
import assert from 'node:assert/strict';
import { editWarnings } from '../../../extension/session/edit-warnings.ts';
import { applyRecipe } from '../../../src/transforms/index.ts';
import { floats, graph, model, node, value } from '../../support/model-builder.ts';
import { recipe } from '../transforms/edits.ts';

describe('warnings of edits', () => {
  it('name a new IR version where initializers alone were removed', () => {
    const g = graph({
      inputs: [value('x', [4]), value('spare', [4])],
      outputs: [value('y', [4])],
      initializers: [floats('spare', [4])],
      nodes: [node('Relu', ['x'], ['y'])],
    });
    const m = { ...model(g), irVersion: 3 };
    const edits = recipe({ type: 'clean', unused: false, duplicates: [] }, { type: 'clean', unused: true });
    const said = editWarnings(m, edits, applyRecipe(m, edits), 'cpu');
    assert.deepEqual(
      said.map((list) => list.map((w) => w.code)),
      [[], ['ir-version-raised']],
    );
  });
});
