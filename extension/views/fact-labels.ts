/** What the facts of a layer are called. */
import { l10n } from 'vscode';
import type { FactLabel } from '../../src/analysis/index.ts';

const labels: Readonly<Record<FactLabel, () => string>> = {
  operator: () => l10n.t('operator'),
  outputShape: () => l10n.t('output shape'),
  outputType: () => l10n.t('output type'),
  parameterBytes: () => l10n.t('weights'),
  parameterCount: () => l10n.t('parameters'),
  activationBytes: () => l10n.t('activations'),
  activationFormula: () => l10n.t('formula'),
  aliveBytes: () => l10n.t('alive while it runs'),
  shareOfPeak: () => l10n.t('share of the peak'),
  macs: () => l10n.t('multiply-accumulates'),
  nodes: () => l10n.t('nodes'),
  weights: () => l10n.t('weight tensors'),
  weightForm: () => l10n.t('weights stored as'),
  weightFate: () => l10n.t('weights on the device'),
  weightNote: () => l10n.t('why'),
  unknown: () => l10n.t('unknown because'),
};

export function factLabel(label: FactLabel): string {
  return labels[label]();
}
