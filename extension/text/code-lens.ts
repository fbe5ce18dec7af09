/** Links over each layer with weights: what it costs, and what can be done about it. */
import {
  CodeLens,
  EventEmitter,
  l10n,
  Range,
  workspace,
  type CodeLensProvider,
  type TextDocument,
} from 'vscode';
import { weightBehaviour } from '../../src/analysis/index.ts';
import { formatBytes } from '../../src/format.ts';
import { recommendForm } from '../../src/transforms/index.ts';
import { Owner } from '../disposable.ts';
import { nameOfChoice } from '../forms.ts';
import { localize } from '../l10n/domain-text.ts';
import { settings } from '../settings.ts';
import { batchText } from '../views/batch-text.ts';
import { whatCanBeDone } from '../views/estimate-view.ts';
import { layersOf, type LayerState } from '../views/layers.ts';
import type { TextView, TextViews } from './text-views.ts';

export class LayerLenses extends Owner implements CodeLensProvider {
  readonly #texts: TextViews;
  readonly #changed = this.own(new EventEmitter<void>());

  readonly onDidChangeCodeLenses = this.#changed.event;

  constructor(texts: TextViews) {
    super();
    this.#texts = texts;
    // the text may stay the same where the lenses do not: another EP, another setting
    this.own(texts.onDidChange(() => this.#changed.fire()));
    this.own(
      workspace.onDidChangeConfiguration((e) => {
        if (e.affectsConfiguration('vramLens.codeLens')) this.#changed.fire();
      }),
    );
  }

  async provideCodeLenses(document: TextDocument): Promise<CodeLens[]> {
    const view = settings.hasCodeLens ? await this.#texts.viewOf(document) : undefined;
    if (view === undefined) return [];
    const lineOf = firstLines(view);
    return layersOfView(view)
      .filter((layer) => layer.parameterBytes > 0)
      .flatMap((layer) => {
        const line = Math.min(...layer.nodes.map((id) => lineOf.get(id) ?? Infinity));
        return line < document.lineCount ? lensesFor(view, layer, new Range(line, 0, line, 0)) : [];
      });
  }
}

/** The first line of each node. */
export function firstLines({ lines }: TextView): Map<string, number> {
  const found = new Map<string, number>();
  for (const { nodeId, line } of lines)
    if (nodeId !== undefined && !found.has(nodeId)) found.set(nodeId, line);
  return found;
}

/** The layers as that side of the comparison has them. */
export function layersOfView({ document, side, estimate }: TextView): LayerState[] {
  if (side === 'current') return layersOf(document.snapshot, estimate, document.estimateBefore);
  return estimate.layers.map((layer) => ({ ...layer, before: layer, changes: [] }));
}

function lensesFor(view: TextView, layer: LayerState, range: Range): CodeLens[] {
  const { document, side } = view;
  const source = document.uri.toString();
  const lens = (title: string, command: string, tooltip?: string, ...args: readonly unknown[]): CodeLens =>
    new CodeLens(range, {
      title,
      command,
      arguments: [source, layer.id, ...args],
      ...(tooltip === undefined ? {} : { tooltip }),
    });
  const cost = lens(costText(view, layer), 'vramLens.layer.reveal', l10n.t('Show the layer in the editor'));
  if (side === 'original') return [cost];
  const { canQuantize, canPrune } = whatCanBeDone(document, layer);
  const lenses = [cost];
  if (canQuantize) lenses.push(quantizeLens(view, layer, lens));
  if (canPrune) lenses.push(lens(l10n.t('Prune…'), 'vramLens.layer.prune'));
  if (layer.changes.length > 0) lenses.push(lens(l10n.t('Revert'), 'vramLens.layer.revert'));
  return lenses;
}

/** e.g. `1.2 MiB weights · 3.4 MiB activations @ batch 8`, `4.8 MiB → 1.2 MiB weights · …` where an edit changed them */
function costText({ document }: TextView, layer: LayerState): string {
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
  return `${weights} · ${activations}${batchText(document)}`;
}

/** Offers the form that stays small on the EP; where there is none, says so before it is applied. */
function quantizeLens(
  { estimate }: TextView,
  layer: LayerState,
  lens: (title: string, command: string, tooltip?: string, ...args: readonly unknown[]) => CodeLens,
): CodeLens {
  const command = 'vramLens.layer.quantize';
  const { ep } = estimate;
  const int8 = weightBehaviour(ep, layer.opType, 'dynamic-int8');
  const note = localize(int8.note);
  if (int8.fate === 'small') return lens(l10n.t('Quantize int8'), command, note);
  const better = recommendForm(ep, layer.opType);
  if (better?.settings.form === 'blocks') {
    const title = l10n.t('Quantize int{0} in blocks', better.settings.bits);
    return lens(title, command, note, nameOfChoice(better));
  }
  if (better?.settings.form === 'static') {
    const title = l10n.t('Quantize static int8');
    return lens(title, command, localize(better.behaviour.note), nameOfChoice(better));
  }
  return int8.fate === 'cpu-fallback'
    ? lens(l10n.t('Quantize int8 (leaves {0} for the CPU)', ep), command, note)
    : lens(l10n.t('Quantize int8 (saves nothing on {0})', ep), command, note);
}
