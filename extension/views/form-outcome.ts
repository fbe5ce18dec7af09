/** What a form would make of a model's layers after the edits there are. Reads no weight. */
import type { EpName } from '../../src/analysis/index.ts';
import type { Model } from '../../src/onnx/index.ts';
import type { FormView } from '../../src/protocol.ts';
import {
  applyRecipe,
  recipeWarnings,
  usualWeightType,
  type LayerChange,
  type Recipe,
} from '../../src/transforms/index.ts';
import type { FormEdit } from '../forms.ts';

export interface FormTarget {
  readonly model: Model;
  readonly recipe: Recipe;
  readonly ep: EpName;
}

/** The warning is in English. */
export function formOutcome(target: FormTarget, edit: FormEdit): Omit<FormView, 'name'> {
  const { model, recipe } = target;
  const { changes } = applyRecipe(model, { ...recipe, edits: [...recipe.edits, edit] });
  const own = changes.filter((c) => c.edit === recipe.edits.length);
  const applied = own.filter((c) => c.status === 'applied');
  return {
    changedLayers: applied.length,
    beforeBytes: own.reduce((sum, c) => sum + c.beforeBytes, 0),
    afterBytes: own.reduce((sum, c) => sum + c.afterBytes, 0),
    warning: applied.length === 0 ? undefined : warningOf(target, edit, applied),
    usualWeights: hasInt8Products(edit) ? usualWeightType() : undefined,
  };
}

function hasInt8Products(edit: FormEdit): boolean {
  return edit.type === 'quantize' && edit.form !== 'blocks';
}

/** What of the layers that it changes does not stay small on the EP. */
function warningOf(
  { model, recipe, ep }: FormTarget,
  edit: FormEdit,
  applied: readonly LayerChange[],
): string | undefined {
  const changed = { ...edit, layers: { nodes: applied.map((c) => c.node) } };
  return recipeWarnings(model, { ...recipe, edits: [changed] }, ep)[0]?.message;
}
