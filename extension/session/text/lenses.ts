/** What stands over each layer with weights: what it costs, and what can be done about it. */
import { l10n } from 'vscode';
import { weightBehaviour } from '../../../src/analysis/index.ts';
import { formatBytes, formatPercent } from '../../../src/format.ts';
import type { FormName } from '../../../src/protocol.ts';
import { recommendForm } from '../../../src/transforms/index.ts';
import { nameOfChoice, type UsualSettings } from '../../forms.ts';
import { localize } from '../../l10n/domain-text.ts';
import type { Side } from '../../text/text-uri.ts';
import { batchText } from '../../views/batch-text.ts';
import { whatCanBeDone } from '../../views/estimate-view.ts';
import type { LayerState } from '../../views/layers.ts';
import type { Shown } from '../shown.ts';
import { savingsBy } from './savings.ts';
import { layersOfSide, sideView } from './side.ts';

export interface LensView {
  readonly layerId: string;
  readonly nodes: readonly string[];
  readonly cost: string;
  /** Undefined where it cannot be quantized. */
  readonly quantize: QuantizeLens | undefined;
  readonly canPrune: boolean;
  readonly isChanged: boolean;
}

export interface QuantizeLens {
  readonly title: string;
  readonly tooltip: string;
  /** Name of the form; undefined: dynamic int8. */
  readonly form?: string | undefined;
}

export function lensViews(shown: Shown, side: Side, usual: UsualSettings): LensView[] {
  const batch = batchText(shown);
  return layersOfSide(sideView(shown, side))
    .filter((layer) => layer.parameterBytes > 0)
    .map((layer) => lensView(shown, side, usual, layer, batch));
}

/** @param batch what its figures hold for, as a text */
export function lensView(
  shown: Shown,
  side: Side,
  usual: UsualSettings,
  layer: LayerState,
  batch: string,
): LensView {
  const can = side === 'original' ? { canQuantize: false, canPrune: false } : whatCanBeDone(shown, layer);
  return {
    layerId: layer.id,
    nodes: layer.nodes,
    cost: `${costText(layer)}${batch}`,
    quantize: can.canQuantize ? quantizeLens(shown, layer, usual) : undefined,
    canPrune: can.canPrune,
    isChanged: layer.changes.length > 0,
  };
}

/** e.g. `1.2 MiB weights · 3.4 MiB activations`, `4.8 MiB → 1.2 MiB weights · …` where an edit changed them */
function costText(layer: LayerState): string {
  const before = layer.before?.parameterBytes ?? layer.parameterBytes;
  const now = formatBytes(layer.parameterBytes);
  const weights =
    before === layer.parameterBytes
      ? l10n.t('{0} weights', now)
      : l10n.t('{0} → {1} weights', formatBytes(before), now);
  const activations =
    layer.activationBytes === undefined
      ? l10n.t('unknown activations')
      : l10n.t('{0} activations', formatBytes(layer.activationBytes));
  return `${weights} · ${activations}`;
}

/** Offers the form that stays small on the EP, with what it saves; where there is none, says so before it is applied. */
function quantizeLens(shown: Shown, layer: LayerState, usual: UsualSettings): QuantizeLens {
  const { ep } = shown.options;
  const int8 = weightBehaviour(ep, layer.opType, 'dynamic-int8');
  const tooltip = localize(int8.note);
  const saving = (title: string, form: FormName): string => withSaving(title, shown, layer, form, usual);
  if (int8.fate === 'small') return { title: saving(l10n.t('Quantize int8'), 'dynamic-int8'), tooltip };
  const better = recommendForm(ep, layer.opType);
  const form = better && nameOfChoice(better);
  if (better?.settings.form === 'blocks' && form !== undefined) {
    const title = l10n.t('Quantize int{0} in blocks', better.settings.bits);
    return { title: saving(title, form), tooltip, form };
  }
  if (better?.settings.form === 'static' && form !== undefined)
    return {
      title: saving(l10n.t('Quantize static int8'), form),
      tooltip: localize(better.behaviour.note),
      form,
    };
  return int8.fate === 'cpu-fallback'
    ? { title: l10n.t('Quantize int8 (leaves {0} for the CPU)', ep), tooltip }
    : { title: l10n.t('Quantize int8 (saves nothing on {0})', ep), tooltip };
}

/** `Quantize int8: −73 %`, of all weights of the layer. */
function withSaving(
  title: string,
  { snapshot }: Shown,
  { nodes, parameterBytes }: LayerState,
  form: FormName,
  usual: UsualSettings,
): string {
  const savings = savingsBy(snapshot, form, usual);
  const lessBytes = nodes.reduce((sum, id) => sum + (savings.get(id) ?? 0), 0);
  if (lessBytes <= 0) return title;
  return l10n.t('{0}: −{1}', title, formatPercent(Math.round((100 * lessBytes) / parameterBytes) / 100));
}
