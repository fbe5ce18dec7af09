/** The last check of a model in one line of the status bar, as VS Code shows the outcome of tests; more on hover. */
import path from 'node:path';
import { l10n, MarkdownString, type Command, type Uri } from 'vscode';
import { formatBytes, formatPercent } from '../../src/format.ts';
import {
  labelMetricText,
  type BatchResult,
  type CheckReport,
  type RunStats,
} from '../../src/runtime/index.ts';
import type { Edit } from '../../src/transforms/index.ts';
import { recipeKey, type KeptCheck } from '../check-history.ts';
import type { CheckState } from '../check-states.ts';
import { localize } from '../l10n/domain-text.ts';
import { changeLabel } from './edit-label.ts';

export interface CheckStatus {
  readonly text: string;
  readonly tooltip: MarkdownString;
  readonly grade: 'plain' | 'warning' | 'error';
  readonly command: Command;
}

export interface CheckStatusOptions {
  readonly uri: Uri;
  /** What the model has now. */
  readonly edits: readonly Edit[];
  /** A loss of accuracy above so many points is a warning. */
  readonly maxAccuracyDrop: number;
}

export function checkStatus(state: CheckState, options: CheckStatusOptions): CheckStatus {
  switch (state.kind) {
    case 'running':
      return runningStatus(state);
    case 'failed':
      return {
        text: join(['$(error)', state.label, l10n.t('check failed')]),
        tooltip: lines(state.message),
        grade: 'error',
        command: { command: 'vramLens.showLog', title: l10n.t('Show Log') },
      };
    case 'done':
      return doneStatus(state.check, options);
  }
}

export function runningStatus(state: Extract<CheckState, { kind: 'running' }>): CheckStatus {
  const { fraction, message } = state.progress;
  return {
    text: join(['$(loading~spin)', state.label, `${Math.floor(fraction * 100)} %`]),
    tooltip: lines(l10n.t('A check is running. Click to cancel it.'), localize(message)),
    grade: 'plain',
    command: { command: 'vramLens.cancelCheck', title: l10n.t('Cancel Check') },
  };
}

/** More would push the figures out of sight. */
const maxLabels = 2;

/** What is checked, e.g. `int8`, `int8, pruned 50 %`, `5 edits`; the other file's name where it is against one. */
export function checkLabel(edits: readonly Edit[], against: Uri | undefined): string {
  if (against !== undefined) return path.posix.basename(against.path);
  const labels = [...new Set(edits.map(changeLabel))];
  return labels.length > maxLabels ? l10n.t('{0} edits', edits.length) : labels.join(', ');
}

function doneStatus(check: KeptCheck, { uri, edits, maxAccuracyDrop }: CheckStatusOptions): CheckStatus {
  const { report, label = '' } = check;
  const isOutdated = check.recipe !== undefined && check.recipe !== recipeKey(edits);
  const grade = gradeOf(report, maxAccuracyDrop);
  const icon = {
    error: '$(error)',
    warning: '$(warning)',
    plain: isRated(report) ? '$(check)' : '$(beaker)',
  };
  return {
    text: join([isOutdated ? '$(history)' : icon[grade], label, figuresOf(report)]),
    tooltip: tooltip(check, isOutdated),
    // of a model that is no more, nothing calls for attention
    grade: isOutdated ? 'plain' : grade,
    command: {
      command: 'vramLens.showCheck',
      title: l10n.t('Show Report'),
      arguments: [uri.toString(), check.id],
    },
  };
}

function gradeOf({ batches }: CheckReport, maxAccuracyDrop: number): CheckStatus['grade'] {
  const ran = batches.filter((b) => b.error === undefined);
  if (ran.length === 0) return 'error';
  const isWorse = ran.some((b) => (changeOf(b)?.points ?? 0) < -maxAccuracyDrop);
  return isWorse || ran.length < batches.length ? 'warning' : 'plain';
}

/** Whether there were labels, without which nothing says that the answers are right. */
function isRated({ batches }: CheckReport): boolean {
  return batches.some((b) => b.compressed?.accuracy !== undefined);
}

/** Of the largest batch that ran, where memory matters most: `93.1 % (−0.3) · 4.10 MiB @ batch 8`. */
function figuresOf({ batches }: CheckReport): string {
  const ran = batches.filter((b) => b.error === undefined);
  const largest = ran.reduce<BatchResult | undefined>(
    (a, b) => (a === undefined || b.batchSize > a.batchSize ? b : a),
    undefined,
  );
  if (largest === undefined) return l10n.t('no batch size could be run');
  const batch = l10n.t(' @ batch {0}', largest.batchSize);
  return `${answersText(largest)} · ${bytesText(largest.compressed?.peakBytes)}${batch}`;
}

function answersText(batch: BatchResult): string {
  const change = changeOf(batch);
  if (change !== undefined) return `${formatPercent(change.after)} (${pointsText(change.points)})`;
  const metric = batch.compressed?.labelMetrics?.[0];
  if (metric !== undefined)
    return `${metric.name} ${labelMetricText({ name: metric.name, value: metric.value })}`;
  const [output] = batch.outputs;
  if (output?.top1Agreement !== undefined)
    return l10n.t('same answer for {0}', formatPercent(output.top1Agreement));
  return output?.cosine === undefined
    ? l10n.t('unknown')
    : l10n.t('cosine similarity {0}', output.cosine.toFixed(5));
}

interface AccuracyChange {
  readonly after: number;
  /** Percentage points. */
  readonly points: number;
}

function changeOf({ original, compressed }: BatchResult): AccuracyChange | undefined {
  const [before, after] = [original?.accuracy, compressed?.accuracy];
  return before === undefined || after === undefined ? undefined : { after, points: (after - before) * 100 };
}

function pointsText(points: number): string {
  if (Math.abs(points) < 0.05) return '±0';
  return `${points < 0 ? '−' : '+'}${Math.abs(points).toFixed(1)}`;
}

function bytesText(bytes: number | undefined): string {
  return bytes === undefined ? l10n.t('unknown') : formatBytes(bytes);
}

function tooltip({ report, label = '', at }: KeptCheck, isOutdated: boolean): MarkdownString {
  const what = label === '' ? path.basename(report.compressed) : label;
  const head = [l10n.t('batch'), l10n.t('accuracy'), l10n.t('latency'), l10n.t('peak memory')];
  const rows = report.batches.map(batchCells);
  const table = [head, head.map(() => '--:'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  const failed = report.batches.flatMap((b) =>
    b.error === undefined ? [] : [`${b.batchSize}: ${localize(b.error)}`],
  );
  return lines(
    l10n.t('{0} against the original', what),
    `${report.ep} · ${localize(report.data)} · ${new Date(at).toLocaleString()}`,
    isOutdated ? l10n.t('The edits are others by now; check again.') : '',
  )
    .appendMarkdown(`\n\n${table.join('\n')}\n\n`)
    .appendMarkdown(lines(...failed).value);
}

function batchCells(batch: BatchResult): string[] {
  const pair = (of: (run: RunStats) => string): string =>
    [batch.original, batch.compressed].map((r) => (r === undefined ? '–' : of(r))).join(' → ');
  return [
    String(batch.batchSize),
    pair((r) => (r.accuracy === undefined ? '–' : formatPercent(r.accuracy))),
    pair((r) => `${r.latencyP50Ms.toPrecision(3)} ms`),
    pair((r) => bytesText(r.peakBytes)),
  ];
}

function join(parts: readonly string[]): string {
  return parts.filter((p) => p !== '').join(' ');
}

/** A paragraph for each. */
function lines(...texts: readonly string[]): MarkdownString {
  return new MarkdownString(
    texts
      .filter((t) => t !== '')
      .map(escaped)
      .join('\n\n'),
  );
}

/** As VS Code escapes text, but with spaces at which a long line may break. */
function escaped(text: string): string {
  return new MarkdownString().appendText(text.replaceAll('\n', ' ')).value.replaceAll('&nbsp;', ' ');
}
