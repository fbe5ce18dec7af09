/**
 * What a recipe would not save on an EP, said before it is applied, with the form that would.
 *
 *     recipeWarnings(model, recipe, 'webgpu')
 *     // [{ code: 'cpu-fallback', message: 'On webgpu, dynamic int8 MatMul (3 layers) leaves the device …; use 8-bit blocks: …' }]
 */
import { weightBehaviour } from '../analysis/index.ts';
import type { EpName, EpWeightBehaviour, WeightFate } from '../analysis/types.ts';
import { DataType, type Model } from '../onnx/model.ts';
import { formName, recommendForm, weightFormOf } from './forms.ts';
import { Workspace, type Entry } from './graph/workspace.ts';
import type { CastEdit, QuantizeEdit, Recipe, Warning } from './recipe/recipe.ts';
import { selectEntries } from './select.ts';
import { quantizes } from './operators.ts';

/** One warning per edit and operator whose new weight form does not stay small on `ep`. Reads no weight. */
export function recipeWarnings(model: Model, recipe: Recipe, ep: EpName): Warning[] {
  const ws = new Workspace(model);
  const warnings = new Map<string, Warning>();
  for (const edit of recipe.edits) {
    if (edit.type !== 'quantize' && edit.type !== 'cast') continue;
    const counts = new Map<string, number>();
    for (const entry of selectEntries(ws, edit).entries) {
      const { opType } = entry.original;
      if (edit.type === 'cast' ? isCastLayer(ws, entry) : quantizes(edit.form, opType))
        counts.set(opType, (counts.get(opType) ?? 0) + 1);
    }
    for (const [opType, layers] of counts) {
      const behaviour = weightBehaviour(ep, opType, weightFormOf(edit));
      if (behaviour.fate === 'small') continue;
      const message = warningText(ep, opType, layers, edit, behaviour);
      warnings.set(message, { code: behaviour.fate, message });
    }
  }
  return [...warnings.values()];
}

/** What holds the weights; of the rest, the EP's word on these is enough. */
function isCastLayer(ws: Workspace, { original, scope }: Entry): boolean {
  const isLayer = (['dynamic-int8', 'static'] as const).some((form) => quantizes(form, original.opType));
  return (
    isLayer &&
    original.inputs.some((name) => {
      const binding = name === '' ? undefined : ws.resolve(scope, name);
      return binding?.kind === 'constant' && binding.tensor.dataType === DataType.float;
    })
  );
}

const HOW: Readonly<Record<Exclude<WeightFate, 'small'>, string>> = {
  'cpu-fallback': 'leaves the device for the CPU',
  expanded: 'is expanded to float and saves no memory',
  refused: 'is refused, and with it the model',
};

function warningText(
  ep: EpName,
  opType: string,
  layers: number,
  edit: QuantizeEdit | CastEdit,
  { fate, note }: EpWeightBehaviour,
): string {
  const what = `On ${ep}, ${formName(edit)} ${opType} (${layers} ${layers === 1 ? 'layer' : 'layers'})`;
  const how = fate === 'small' ? '' : HOW[fate];
  const better = recommendForm(ep, opType);
  const advice =
    better === undefined ? `no form of ${opType} weights stays small there` : `use ${better.name}`;
  return `${what} ${how}; ${advice}: ${note}`;
}
