/** What the light bulb at a layer's line offers. */
import { l10n } from 'vscode';
import type { FormChoice } from '../../../src/transforms/index.ts';
import { nameOfChoice } from '../../forms.ts';
import { whatCanBeDone } from '../../views/estimate-view.ts';
import { layerStates } from '../../views/layers.ts';
import type { Shown } from '../shown.ts';
import { sideView } from './side.ts';
import { weightProblems } from './weight-problems.ts';

export interface ActionsView {
  readonly layerId: string;
  readonly canQuantize: boolean;
  readonly canPrune: boolean;
  readonly isChanged: boolean;
  /** Of what the weights do not save: the message of the problem, and the form that would. */
  readonly fixes: readonly { readonly message: string; readonly title: string; readonly form: string }[];
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
    fixes: weightProblems(sideView(shown, 'current'), [layer]).flatMap(({ better, message }) =>
      better === undefined ? [] : [{ message, title: insteadTitle(better), form: nameOfChoice(better) }],
    ),
  };
}

function insteadTitle({ settings }: FormChoice): string {
  if (settings.form === 'blocks') return l10n.t('Quantize to int{0} in blocks instead', settings.bits);
  return settings.form === 'static'
    ? l10n.t('Quantize to static int8 instead')
    : l10n.t('Quantize to int8 instead');
}
