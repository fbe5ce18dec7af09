/** What the light bulb at a layer's line offers. */
import { l10n } from 'vscode';
import type { FormChoice } from '../../../src/transforms/index.ts';
import { nameOfChoice } from '../../forms.ts';
import { whatCanBeDone } from '../../views/estimate-view.ts';
import { layerStates, type LayerState } from '../../views/layers.ts';
import type { Shown } from '../shown.ts';
import { sideView } from './side.ts';
import { weightProblems } from './weight-problems.ts';

export interface ActionsView {
  readonly layerId: string;
  readonly canQuantize: boolean;
  readonly canPrune: boolean;
  readonly isChanged: boolean;
  /** Of what the weights do not save, of this layer and then of all with the same fix. */
  readonly fixes: readonly FixView[];
}

export interface FixView {
  /** That of the problem. */
  readonly message: string;
  readonly title: string;
  /** Name of the form that would save. */
  readonly form: string;
  readonly layerIds: readonly string[];
}

/** Undefined where the node belongs to no layer. */
export function layerActions(shown: Shown, node: string): ActionsView | undefined {
  const layer = layerStates(shown).find((l) => l.nodes.includes(node));
  if (layer === undefined) return undefined;
  const { canQuantize, canPrune } = whatCanBeDone(shown, layer);
  return {
    layerId: layer.id,
    canQuantize,
    canPrune,
    isChanged: layer.changes.length > 0,
    fixes: fixesOf(shown, layer),
  };
}

function fixesOf(shown: Shown, layer: LayerState): readonly FixView[] {
  const view = sideView(shown, 'current');
  const own = weightProblems(view, [layer]);
  // of all layers, where this one has a fix only: the light bulb asks at each move of the cursor
  const all = own.some((p) => p.better !== undefined) ? weightProblems(view) : [];
  return own.flatMap(({ better, message, layerId }) => {
    if (better === undefined) return [];
    const form = nameOfChoice(better);
    const one = { message, title: insteadTitle(better), form, layerIds: [layerId] };
    const alike = all.filter((p) => p.better !== undefined && nameOfChoice(p.better) === form);
    const layerIds = [...new Set(alike.map((p) => p.layerId))];
    if (layerIds.length < 2) return [one];
    return [one, { ...one, layerIds, title: l10n.t('{0}: all {1} layers', one.title, layerIds.length) }];
  });
}

function insteadTitle({ settings }: FormChoice): string {
  if (settings.form === 'blocks') return l10n.t('Quantize to int{0} in blocks instead', settings.bits);
  return settings.form === 'static'
    ? l10n.t('Quantize to static int8 instead')
    : l10n.t('Quantize to int8 instead');
}
