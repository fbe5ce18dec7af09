/** What a person should know of each edit: what it does beside, and what it does not save on the chosen EP. */
import type { EpName } from '../../src/analysis/index.ts';
import type { Model } from '../../src/onnx/index.ts';
import {
  needsData,
  recipeWarnings,
  type AppliedRecipe,
  type Edit,
  type Recipe,
  type Warning,
} from '../../src/transforms/index.ts';

const CALIBRATED_AT_RANDOM: Warning = {
  code: 'random-calibration',
  message: 'calibrated on random inputs: choose data like those the model will see',
};

/** What the dialog of an edit says itself, beside its choices. */
export function isSaidByDialog({ code }: Warning): boolean {
  return code === CALIBRATED_AT_RANDOM.code || code === 'no-dense-saving';
}

/** One list per edit. */
export function editWarnings(
  model: Model,
  recipe: Recipe,
  applied: AppliedRecipe,
  ep: EpName,
): (readonly Warning[])[] {
  const { changes, tensors, warnings } = applied;
  const editOf = new Map(changes.filter((c) => c.status === 'applied').map((c) => [c.node, c.edit]));
  const cleaning = tensors.filter((t) => t.status === 'applied').map((t) => t.edit);
  const firstApplied = Math.min(...editOf.values(), ...new Set(cleaning));
  const isGuess = needsData(applied) && recipe.calibration?.path === undefined;
  const touching = new Set(editOf.values());
  return recipe.edits.map((edit, index) => {
    const own = warnings.filter((w) => {
      if (w.code === 'no-dense-saving') return edit.type === 'prune';
      if (w.code.startsWith('sparse-')) return edit.type === 'prune' && edit.sparse === true;
      // what is said of the model as a whole is said once
      return (w.node === undefined ? firstApplied : editOf.get(w.node)) === index;
    });
    const guess = isGuess && touching.has(index) && looksAtActivations(edit) ? [CALIBRATED_AT_RANDOM] : [];
    return [...own, ...recipeWarnings(model, { ...recipe, edits: [edit] }, ep), ...guess];
  });
}

function looksAtActivations(edit: Edit): boolean {
  switch (edit.type) {
    case 'quantize':
      return edit.form === 'static' || (edit.form === 'blocks' && edit.algorithm === 'gptq');
    case 'prune':
      return edit.method === 'wanda' || edit.method === 'sparsegpt';
    case 'prune-channels':
      return ['activation', 'reconstruction'].includes(edit.importance) || (edit.repair ?? 'none') !== 'none';
    case 'prune-blocks':
    case 'cast':
    case 'clean':
      return false;
  }
}
