/** The answer of "Estimate Memory…" as a list: choosing a batch size shows the model at it. */
import { commands, env, l10n, window, type QuickPickItem } from 'vscode';
import { formatBytes } from '../../src/format.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { editorViewType } from '../editor/view-type.ts';
import type { Services } from '../services.ts';
import { cardsView } from '../views/training-view.ts';
import { showError } from './command.ts';
import type { EstimateAnswer } from '../views/estimate-answer.ts';

interface Item extends QuickPickItem {
  readonly batch?: number | undefined;
  readonly isCopy?: boolean;
  readonly isTraining?: boolean;
}

export function showEstimate(services: Services, document: OnnxDocument, answer: EstimateAnswer): void {
  const { uri } = document;
  const chosen = window.showQuickPick(items(answer), {
    title: l10n.t('Peak memory of {0} on {1}', answer.file, answer.ep),
    placeHolder: l10n.t('Choose a batch size to see the model at it'),
  });
  chosen.then(async (item) => {
    if (item?.isTraining === true) await commands.executeCommand('vramLens.training', uri);
    else if (item?.isCopy === true) await env.clipboard.writeText(estimateMarkdown(answer));
    else if (item?.batch !== undefined) await showAt(services, uri, item.batch);
  }, showError);
}

async function showAt({ documents }: Services, uri: OnnxDocument['uri'], batch: number): Promise<void> {
  await commands.executeCommand('vscode.openWith', uri, editorViewType, { preview: false });
  await documents.use(uri, (document) => {
    document.setDims(Object.fromEntries(document.batchSymbols.map((s) => [s, batch])));
  });
}

function items(answer: EstimateAnswer): Item[] {
  const { budgetBytes, largest, rows } = answer;
  const largestItem: Item[] =
    largest === undefined ? [] : [{ label: `$(dashboard) ${largest.note}`, batch: largest.batch }];
  return [
    ...largestItem,
    ...rows.map((row) => ({
      label: `${fitIcon(mostOf(row), budgetBytes)} ${batchText(row.batch)}`,
      description: peakText(row),
      detail: partsText(row),
      batch: row.batch,
    })),
    ...cacheItem(answer),
    ...cardItems(answer),
    { label: l10n.t('$(copy) Copy as Markdown'), isCopy: true },
    { label: l10n.t('$(mortar-board) Estimate training…'), isTraining: true },
  ];
}

function cacheItem({ cache }: EstimateAnswer): Item[] {
  if (cache?.bytes === undefined) return [];
  return [
    {
      label: `$(database) ${l10n.t('Key-value cache')}`,
      description: formatBytes(cache.bytes),
      detail: cache.formula ?? '',
    },
  ];
}

/** The smallest cards that hold the largest of the batches. */
function cardItems({ rows }: EstimateAnswer): Item[] {
  const peaks = rows.flatMap((r) => mostOf(r) ?? []);
  const [smallest] = peaks.length === 0 ? [] : cardsView(Math.max(...peaks));
  if (smallest === undefined) return [];
  return [
    {
      label: `$(circuit-board) ${l10n.t('Fits {0} and more', formatBytes(smallest.memoryBytes))}`,
      detail: smallest.names.join(', '),
    },
  ];
}

type Row = EstimateAnswer['rows'][number];

function batchText(batch: number | undefined): string {
  return batch === undefined ? l10n.t('fixed batch') : l10n.t('batch {0}', batch);
}

/** Of the run that holds the most. */
function mostOf({ totalPeakBytes, laterPeakBytes }: Row): number | undefined {
  return laterPeakBytes ?? totalPeakBytes;
}

function peakText({ totalPeakBytes, laterPeakBytes, isAtLeast }: Row): string {
  if (totalPeakBytes === undefined) return l10n.t('unknown');
  const bytes = formatBytes(totalPeakBytes);
  const peak = isAtLeast ? l10n.t('at least {0}', bytes) : bytes;
  return laterPeakBytes === undefined
    ? peak
    : l10n.t('{0}, later runs {1}', peak, formatBytes(laterPeakBytes));
}

function partsText({ weightBytes, activationBytes }: Row): string {
  const text = (bytes: number | undefined): string =>
    bytes === undefined ? l10n.t('unknown') : formatBytes(bytes);
  return l10n.t('weights {0}, activations {1}', text(weightBytes), text(activationBytes));
}

function fitIcon(peak: number | undefined, budget: number | undefined): string {
  if (budget === undefined) return '$(circle-outline)';
  if (peak === undefined) return '$(question)';
  return peak <= budget ? '$(pass)' : '$(error)';
}

/** A table for a report or an issue. */
export function estimateMarkdown(answer: EstimateAnswer): string {
  const cell = (bytes: number | undefined): string =>
    bytes === undefined ? l10n.t('unknown') : formatBytes(bytes);
  const rows = answer.rows.map((row) => {
    const cells = [
      row.batch === undefined ? l10n.t('fixed batch') : String(row.batch),
      cell(row.weightBytes),
      cell(row.activationBytes),
      peakText(row),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const heads = [l10n.t('batch'), l10n.t('weights'), l10n.t('activations'), l10n.t('peak in all')];
  return [
    `**${l10n.t('Peak memory of {0} on {1}', answer.file, answer.ep)}**`,
    '',
    `| ${heads.join(' | ')} |`,
    '| ---: | ---: | ---: | ---: |',
    ...rows,
    ...(answer.largest === undefined ? [] : ['', answer.largest.note]),
    '',
  ].join('\n');
}
