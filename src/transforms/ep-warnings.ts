/**
 * What a recipe would not save on an EP, or not compute well on this machine, said before it is applied, with what would.
 *
 *     recipeWarnings(model, recipe, 'webgpu')
 *     // [{ code: 'cpu-fallback', message: 'On webgpu, dynamic int8 MatMul (3 layers) leaves the device …; use 8-bit blocks: …' }]
 */
import { weightBehaviour } from '../analysis/index.ts';
import type { EpName, EpWeightBehaviour, WeightFate } from '../analysis/types.ts';
import { thisMachine, type Machine } from '../machine.ts';
import { DataType, type Model } from '../onnx/model.ts';
import { formName, recommendForm, weightFormOf } from './forms.ts';
import { Workspace, type Entry } from './graph/workspace.ts';
import type { CastEdit, QuantizeEdit, Recipe, Warning } from './recipe/recipe.ts';
import { selectEntries } from './select.ts';
import { quantizes } from './operators.ts';

/**
 * One warning per edit and operator whose new weight form does not stay small on `ep`, and one per edit whose products
 * overflow on `machine`. Reads no weight.
 */
export function recipeWarnings(
  model: Model,
  recipe: Recipe,
  ep: EpName,
  machine: Pick<Machine, 'int8Overflows'> = thisMachine(),
): Warning[] {
  const ws = new Workspace(model);
  const warnings = new Map<string, Warning>();
  for (const edit of recipe.edits) {
    if (edit.type !== 'quantize' && edit.type !== 'cast') continue;
    const counts = new Map<string, number>();
    for (const entry of selectEntries(ws, edit).entries) {
      const { opType } = entry.original;
      if (
        hasWeights(ws, entry) &&
        (edit.type === 'cast' ? isCastLayer(opType) : quantizes(edit.form, opType))
      )
        counts.set(opType, (counts.get(opType) ?? 0) + 1);
    }
    for (const [opType, layers] of counts) {
      const behaviour = weightBehaviour(ep, opType, weightFormOf(edit));
      if (behaviour.fate === 'small') continue;
      const message = warningText(ep, opType, layers, edit, behaviour);
      warnings.set(message, { code: behaviour.fate, message });
    }
    const overflowing =
      ep === 'cpu' && machine.int8Overflows === true ? overflowText(edit, counts) : undefined;
    if (overflowing !== undefined) warnings.set(overflowing, { code: 'int8-overflow', message: overflowing });
  }
  return [...warnings.values()];
}

/** What holds the weights; of the rest, the EP's word on these is enough. */
function isCastLayer(opType: string): boolean {
  return (['dynamic-int8', 'static'] as const).some((form) => quantizes(form, opType));
}

/** A product of two activations is no layer. */
function hasWeights(ws: Workspace, { original, scope }: Entry): boolean {
  return original.inputs.some((name) => {
    const binding = name === '' ? undefined : ws.resolve(scope, name);
    return binding?.kind === 'constant' && binding.tensor.dataType === DataType.float;
  });
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

/** Operators whose weights an edit makes int8 for kernels that multiply them by uint8 activations. */
const SIGNED_PRODUCTS: Readonly<Record<'dynamic-int8' | 'static', readonly string[]>> = {
  // dynamic weights of Conv are uint8 whatever is said, and Gather computes nothing
  'dynamic-int8': ['MatMul', 'Gemm', 'LSTM', 'Attention'],
  static: ['Conv', 'MatMul', 'Gemm'],
};

/** @param counts layers of the edit by operator */
function overflowText(
  edit: QuantizeEdit | CastEdit,
  counts: ReadonlyMap<string, number>,
): string | undefined {
  if (edit.type === 'cast' || edit.form === 'blocks') return undefined;
  if (edit.weightType !== 'int8' || edit.reduceRange === true) return undefined;
  if (edit.form === 'static' && edit.activationType !== 'uint8') return undefined;
  const layers = SIGNED_PRODUCTS[edit.form].reduce((sum, opType) => sum + (counts.get(opType) ?? 0), 0);
  if (layers === 0) return undefined;
  const count = `${layers} ${layers === 1 ? 'layer' : 'layers'}`;
  return `On this processor, products of int8 weights and uint8 activations (${count}) overflow, as it has no VNNI: results may be far off; use uint8 weights, or check the accuracy`;
}
