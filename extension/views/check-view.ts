/** A check's report, ready for the page. */
import path from 'node:path';
import { l10n } from 'vscode';
import type { CheckView, OutputView, RunView } from '../../src/protocol.ts';
import {
  causeNames,
  memoryRows,
  readingText,
  type OutputComparison,
  type RunStats,
} from '../../src/runtime/index.ts';
import type { KeptCheck } from '../check-history.ts';
import { localize } from '../l10n/domain-text.ts';

export function checkView({ id, at, report, label = '' }: KeptCheck): CheckView {
  return {
    id,
    at,
    title: l10n.t('{0} against the original', label === '' ? path.basename(report.compressed) : label),
    ep: report.ep,
    device: localize(report.device),
    data: localize(report.data),
    hasLabels: report.hasLabels,
    boxes: report.boxes === undefined ? undefined : readingText(report.boxes),
    warnings: report.warnings.map(localize),
    batches: report.batches.map((batch) => ({
      batchSize: batch.batchSize,
      insteadOf: batch.insteadOf,
      isOutOfMemory: batch.isOutOfMemory,
      samples: batch.samples,
      error: batch.error === undefined ? undefined : localize(batch.error),
      outputs: batch.outputs.map(outputView),
      original: runView(batch.original),
      compressed: runView(batch.compressed),
    })),
  };
}

export function outputView(o: OutputComparison): OutputView {
  return {
    output: o.output,
    cosine: o.cosine,
    // plain JSON has no infinity
    sqnrDb: o.sqnrDb === Infinity ? 'inf' : o.sqnrDb,
    maxAbsError: o.maxAbsError,
    meanAbsError: o.meanAbsError,
    top1Agreement: o.top1Agreement,
    top5Agreement: o.top5Agreement,
    klDivergence: o.klDivergence,
  };
}

function runView(stats: RunStats | undefined): RunView | undefined {
  if (stats === undefined) return undefined;
  const { latencyP50Ms, latencyP95Ms, samplesPerSecond, peakBytes, accuracy, placement } = stats;
  return {
    latencyP50Ms,
    latencyP95Ms,
    samplesPerSecond,
    peakBytes,
    peakSource: localize(stats.peakSource),
    predictedBytes: stats.predictedPeakBytes,
    causes: memoryRows(stats).map((row) => ({ ...row, cause: localize(causeNames[row.cause]) })),
    accuracy,
    // an infinite one (PSNR of equal pictures) is no figure to draw
    metrics: stats.labelMetrics?.filter((m) => Number.isFinite(m.value)),
    placement,
    fallbacks: stats.fallbacks,
  };
}
