/** A report as a file: JSON that reads back as the same, or Markdown for people. */
import { formatBytes, formatPercent } from '../format.ts';
import { causeNames, memoryTable } from './memory-causes.ts';
import { readingText } from './metrics/box-reading.ts';
import type { BatchResult, CheckReport, LabelMetric, OutputComparison, RunStats } from './types.ts';

/** JSON has no infinities: they are written as "inf" and "-inf" (an SQNR of identical outputs). */
export function reportJson(report: CheckReport): string {
  const finite = (_key: string, v: unknown) => (v === Infinity ? 'inf' : v === -Infinity ? '-inf' : v);
  return `${JSON.stringify(report, finite, 2)}\n`;
}

export function reportMarkdown(report: CheckReport): string {
  const lines = [
    `# ${escape(base(report.compressed))} against ${escape(base(report.original))}`,
    '',
    `- data: ${escape(report.data)}`,
    `- ran on: ${report.ep}, ${escape(report.device)}`,
    `- ONNX Runtime ${report.ortVersion}`,
    ...(report.boxes === undefined ? [] : [`- boxes: ${escape(readingText(report.boxes))}`]),
    '',
    '## Batches',
    '',
    ...batchTable(report),
    ...report.batches.flatMap((b) =>
      b.error === undefined ? [] : ['', `Batch ${b.batchSize}: ${escape(b.error)}`],
    ),
    ...outputsOf(report),
    ...labelsOf(report),
    ...memoryOf(report),
    ...fallbacksOf(report),
  ];
  if (report.warnings.length > 0)
    lines.push('', '## Warnings', '', ...report.warnings.map((w) => `- ${escape(w)}`));
  return `${lines.join('\n')}\n`;
}

function batchTable({ batches }: CheckReport): string[] {
  const source = batches
    .map((b) => b.compressed?.peakSource ?? b.original?.peakSource)
    .find((s) => s !== undefined);
  const pair = (b: BatchResult, of: (r: RunStats) => string) =>
    [b.original, b.compressed].map((r) => (r === undefined ? 'unknown' : of(r))).join(' → ');
  const bytes = (v: number | undefined) => (v === undefined ? 'unknown' : formatBytes(v));
  return table(
    ['batch', 'p50 ms', 'p95 ms', 'samples/s', `peak memory (${source ?? 'not measured'})`, 'predicted'],
    batches.map((b) => [
      b.insteadOf === undefined ? String(b.batchSize) : `${b.batchSize} (in place of ${b.insteadOf})`,
      pair(b, (r) => r.latencyP50Ms.toPrecision(3)),
      pair(b, (r) => r.latencyP95Ms.toPrecision(3)),
      pair(b, (r) => r.samplesPerSecond.toFixed(r.samplesPerSecond < 100 ? 1 : 0)),
      pair(b, (r) => bytes(r.peakBytes)),
      pair(b, (r) => bytes(r.predictedPeakBytes)),
    ]),
  );
}

function outputsOf({ batches }: CheckReport): string[] {
  const last = batches.findLast((b) => b.outputs.length > 0);
  if (last === undefined) return [];
  const share = (v: number | undefined) => (v === undefined ? '–' : formatPercent(v));
  const cells = (o: OutputComparison) => [
    `\`${o.output}\``,
    o.cosine?.toFixed(6) ?? '–',
    Number.isFinite(o.sqnrDb) ? o.sqnrDb.toFixed(1) : o.sqnrDb > 0 ? '∞' : '−∞',
    o.maxAbsError.toPrecision(3),
    o.meanAbsError?.toPrecision(3) ?? '–',
    o.klDivergence?.toPrecision(3) ?? '–',
    share(o.top1Agreement),
    share(o.top5Agreement),
  ];
  return [
    '',
    `## Outputs at batch ${last.batchSize}, ${last.samples} samples`,
    '',
    ...table(
      ['output', 'cosine', 'SQNR dB', 'max error', 'mean error', 'KL nats', 'same top-1', 'in top-5'],
      last.outputs.map(cells),
    ),
  ];
}

function labelsOf({ batches }: CheckReport): string[] {
  const labelled = batches.filter((b) => (b.original?.labelMetrics ?? []).length > 0);
  const last = labelled.findLast((b) => b.compressed !== undefined) ?? labelled.at(-1);
  const names = last?.original?.labelMetrics?.map((m) => m.name) ?? [];
  if (last === undefined) return [];
  const cell = (run: RunStats | undefined, name: LabelMetric['name']) => {
    const metric = run?.labelMetrics?.find((m) => m.name === name);
    return metric === undefined ? '–' : labelMetricText(metric);
  };
  return [
    '',
    `## Against the labels, ${last.samples} samples, 95 % confidence`,
    '',
    ...table(
      ['', 'original', 'compressed'],
      names.map((n) => [n, cell(last.original, n), cell(last.compressed, n)]),
    ),
  ];
}

function memoryOf({ batches }: CheckReport): string[] {
  const last = batches.findLast((b) => b.compressed !== undefined);
  const rows = memoryTable(last?.original, last?.compressed);
  if (last === undefined || rows.length === 0) return [];
  const bytes = (v: number | undefined) => (v === undefined ? '–' : formatBytes(v));
  return [
    '',
    `## Memory by cause at batch ${last.batchSize}`,
    '',
    ...table(
      ['', 'original, measured', 'predicted', 'compressed, measured', 'predicted'],
      rows.map(({ cause, original: a, compressed: b }) => [
        causeNames[cause],
        ...[a?.measuredBytes, a?.predictedBytes, b?.measuredBytes, b?.predictedBytes].map(bytes),
      ]),
    ),
  ];
}

const inShares: ReadonlySet<LabelMetric['name']> = new Set(['top-1', 'top-5', 'mean IoU', 'mAP@0.5']);

/** `93.4 % (92.2 %–94.4 %)`, `0.213 (0.19–0.24)`. */
export function labelMetricText({ name, value, low, high }: LabelMetric): string {
  const text = (v: number) =>
    inShares.has(name) ? formatPercent(v) : Number.isFinite(v) ? v.toPrecision(4) : v > 0 ? '∞' : '−∞';
  return low === undefined || high === undefined
    ? text(value)
    : `${text(value)} (${text(low)}–${text(high)})`;
}

function fallbacksOf({ batches, ep }: CheckReport): string[] {
  const run = batches.findLast((b) => b.compressed !== undefined)?.compressed;
  if (run?.fallbacks === undefined || run.fallbacks.length === 0) return [];
  const rows = run.fallbacks.map((f) => [`\`${f.name}\``, f.opType, f.ep, f.durationMs.toPrecision(3)]);
  return [
    '',
    `## Nodes of the compressed model that ${ep} did not take`,
    '',
    ...table(['node', 'operator', 'ran on', 'ms'], rows),
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((c) => c.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)];
}

/** Names of files hold what Markdown would take for markup. */
function escape(text: string): string {
  return text.replace(/[\\`*_[\]<>#]/g, '\\$&').replaceAll('\n', ' ');
}

function base(file: string): string {
  return file.split(/[\\/]/).at(-1) ?? file;
}
