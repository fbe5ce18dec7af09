/** The cost of a layer in full, for the hover and the inspector. */
import { l10n } from 'vscode';
import { describeNode, type Fact as DomainFact } from '../../src/analysis/index.ts';
import { formatBytes } from '../../src/format.ts';
import { recommendForm } from '../../src/transforms/index.ts';
import type { Shown } from '../session/shown.ts';
import { localize } from '../l10n/domain-text.ts';
import { changeLabel } from './edit-label.ts';
import { whatCanBeDone } from './estimate-view.ts';
import { factLabel } from './fact-labels.ts';
import type { LayerState } from './layers.ts';

export interface Fact {
  readonly label: string;
  readonly value: string;
}

export function layerFacts(document: Shown, layer: LayerState): Fact[] {
  const analysis = document.snapshot.analysis();
  const ids = new Set(layer.nodes);
  // of what an edit made of the layer, what holds the weights says most
  const [main] = document.estimate.layers
    .filter((l) => ids.has(l.id))
    .sort((a, b) => b.parameterBytes - a.parameterBytes);
  const facts = main === undefined ? [] : describeNode(analysis, document.estimate, main.id);
  return [...localizeFacts(facts), ...formFacts(document, layer), ...changeFacts(document, layer)];
}

/** The form that would keep a layer small on the chosen EP, where its weights are still floats. */
export function formFacts(document: Shown, layer: LayerState): Fact[] {
  if (layer.parameterBytes === 0 || !whatCanBeDone(document, layer).canQuantize) return [];
  const { ep } = document.options;
  const label = l10n.t('smaller on {0} as', ep);
  const best = recommendForm(ep, layer.opType);
  if (best === undefined) {
    const value = localize(`no form of ${layer.opType} weights stays small there`);
    return [{ label, value }];
  }
  return [{ label, value: l10n.t('{0}: {1}', localize(best.name), localize(best.behaviour.note)) }];
}

export function localizeFacts(facts: readonly DomainFact[]): Fact[] {
  return facts.map(({ label, value }) => ({ label: factLabel(label), value: localize(value) }));
}

/** What the recipe does to the layer, one line per edit. */
export function changeFacts(document: Shown, layer: LayerState): Fact[] {
  const { recipe } = document.snapshot;
  return layer.changes.flatMap((change) => {
    const edit = recipe.edits[change.edit];
    if (edit === undefined) return [];
    const value =
      change.status === 'applied'
        ? l10n.t('weights {0} → {1}', formatBytes(change.beforeBytes), formatBytes(change.afterBytes))
        : l10n.t('not possible: {0}', localize(change.reason ?? ''));
    return [{ label: changeLabel(edit), value }];
  });
}
