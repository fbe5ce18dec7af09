/**
 * What a recipe would not save on an EP, said before it is applied, with the form that would.
 *
 *     recipeWarnings(model, recipe, 'webgpu')
 *     // [{ code: 'cpu-fallback', message: 'On webgpu, dynamic int8 MatMul (3 layers) leaves the device …; use 8-bit blocks: …' }]
 */
import { weightBehaviour } from '../analysis/index.ts';
import type { EpName, EpWeightBehaviour } from '../analysis/types.ts';
import type { Model } from '../onnx/model.ts';
import { formName, recommendForm, weightFormOf } from './forms.ts';
import { Workspace } from './graph/workspace.ts';
import type { QuantizeEdit, Recipe, Warning } from './recipe/recipe.ts';
import { selectEntries } from './select.ts';
import { quantizes } from './steps.ts';

/** One warning per edit and operator whose new weight form does not stay small on `ep`. Reads no weight. */
export function recipeWarnings(model: Model, recipe: Recipe, ep: EpName): Warning[] {
  const ws = new Workspace(model);
  const warnings = new Map<string, Warning>();
  for (const edit of recipe.edits) {
    if (edit.type !== 'quantize') continue;
    const counts = new Map<string, number>();
    for (const { original } of selectEntries(ws, edit).entries)
      counts.set(original.opType, (counts.get(original.opType) ?? 0) + 1);
    for (const [opType, layers] of counts) {
      if (!quantizes(edit.form, opType)) continue;
      const behaviour = weightBehaviour(ep, opType, weightFormOf(edit));
      if (behaviour.fate === 'small') continue;
      const message = warningText(ep, opType, layers, edit, behaviour);
      warnings.set(message, { code: behaviour.fate, message });
    }
  }
  return [...warnings.values()];
}

function warningText(
  ep: EpName,
  opType: string,
  layers: number,
  edit: QuantizeEdit,
  { fate, note }: EpWeightBehaviour,
): string {
  const what = `On ${ep}, ${formName(edit)} ${opType} (${layers} ${layers === 1 ? 'layer' : 'layers'})`;
  const how =
    fate === 'cpu-fallback' ? 'leaves the device for the CPU' : 'is expanded to float and saves no memory';
  const better = recommendForm(ep, opType);
  const advice =
    better === undefined ? `no form of ${opType} weights stays small there` : `use ${better.name}`;
  return `${what} ${how}; ${advice}: ${note}`;
}
