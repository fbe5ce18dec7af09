/** What a check found, for people: one row per batch size, then what it comes to. */
import { formatBytes, formatPercent } from '../format.ts';
import { causeNames, labelMetricText, memoryTable, readingText } from '../runtime/index.ts';
import type { BatchResult, CheckReport, OutputComparison, RunStats } from '../runtime/types.ts';
import { colour, table, wrap, type Column } from './terminal.ts';

/** Outputs listed one by one; more would hide the rest. */
const maxOutputs = 12;

export function checkLines(report: CheckReport): string[] {
  const done = report.batches.filter((b) => b.error === undefined);
  const lines = batchTable(report);
  for (const b of report.batches) {
    if (b.error !== undefined) lines.push(...wrap(colour.red(`batch ${b.batchSize}: ${b.error}`), 2));
  }
  const last = done.at(-1);
  if (last !== undefined && last.outputs.length > 1) lines.push('', ...outputTable(last));
  lines.push(...labelLines(last), ...memoryLines(last));
  lines.push(
    '',
    colour.dim(`data         ${report.data}`),
    ...(report.boxes === undefined ? [] : [colour.dim(`boxes        ${readingText(report.boxes)}`)]),
    colour.dim(`ran on       ${report.ep}, ${report.device} · ONNX Runtime ${report.ortVersion}`),
  );
  if (last?.original !== undefined && last.compressed !== undefined) {
    lines.push(
      colour.dim(
        `nodes        original ${placement(last.original)} · compressed ${placement(last.compressed)}`,
      ),
      colour.dim(`peak memory  ${peakText(last.compressed)}`),
    );
  }
  for (const w of report.warnings) lines.push(...wrap(colour.yellow(w), 2));
  return lines;
}

function batchTable(report: CheckReport): string[] {
  const columns: readonly (Column & { readonly cell: (b: BatchResult, o: OutputComparison) => string })[] = [
    { title: 'cosine', align: 'right', cell: (_, o) => cosine(o) },
    { title: 'SQNR dB', align: 'right', cell: (_, o) => decibels(o) },
    { title: 'max |error|', align: 'right', dropFirst: 3, cell: (_, o) => o.maxAbsError.toPrecision(3) },
    { title: 'same top-1', align: 'right', cell: (_, o) => share(o.top1Agreement) },
    ...(report.hasLabels
      ? [
          {
            title: 'accuracy',
            align: 'right' as const,
            cell: (b: BatchResult) => change(b, (r) => r.accuracy, formatPercent),
          },
        ]
      : []),
    {
      title: 'latency ms',
      align: 'right',
      cell: (b) => change(b, (r) => r.latencyP50Ms, formatMs),
    },
    { title: 'peak memory', align: 'right', cell: (b) => change(b, (r) => r.peakBytes, formatBytes) },
    {
      title: 'predicted',
      align: 'right',
      dropFirst: 2,
      cell: (b) => colour.dim(change(b, (r) => r.predictedPeakBytes, formatBytes)),
    },
  ];
  const rows = report.batches.map((b) => {
    const [first] = b.outputs;
    const size = b.insteadOf === undefined ? String(b.batchSize) : `${b.batchSize} (not ${b.insteadOf})`;
    if (first === undefined) return [size, colour.red(b.error === undefined ? 'no output' : 'failed')];
    return [size, ...columns.map((c) => c.cell(b, first))];
  });
  return table([{ title: 'batch', align: 'right' }, ...columns], rows);
}

/** What the labels tell beside top-1, which the table above has. */
function labelLines(batch: BatchResult | undefined): string[] {
  const metrics = (batch?.original?.labelMetrics ?? []).filter((m) => m.name !== 'top-1');
  if (metrics.length === 0) return [];
  const rows = metrics.map((m) => {
    const other = batch?.compressed?.labelMetrics?.find((c) => c.name === m.name);
    return [m.name, labelMetricText(m), other === undefined ? '–' : labelMetricText(other)];
  });
  return [
    '',
    ...table(
      [
        { title: 'against labels' },
        { title: 'original', align: 'right' },
        { title: 'compressed', align: 'right' },
      ],
      rows,
    ),
  ];
}

/** What the memory was for. */
function memoryLines(batch: BatchResult | undefined): string[] {
  const rows = memoryTable(batch?.original, batch?.compressed);
  if (batch === undefined || rows.length === 0) return [];
  const bytes = (v: number | undefined) => (v === undefined ? '–' : formatBytes(v));
  return [
    '',
    ...table(
      [
        { title: `memory at batch ${batch.batchSize}`, maxWidth: 40 },
        { title: 'original', align: 'right' },
        { title: 'predicted', align: 'right' },
        { title: 'compressed', align: 'right' },
        { title: 'predicted', align: 'right' },
      ],
      rows.map(({ cause, original: a, compressed: b }) => [
        causeNames[cause],
        ...[a?.measuredBytes, a?.predictedBytes, b?.measuredBytes, b?.predictedBytes].map(bytes),
      ]),
    ),
  ];
}

/** One row per output of the model, where there are several. */
function outputTable(batch: BatchResult): string[] {
  const lines = table(
    [
      { title: `output at batch ${batch.batchSize}`, maxWidth: 40 },
      { title: 'cosine', align: 'right' },
      { title: 'SQNR dB', align: 'right' },
      { title: 'max |error|', align: 'right' },
      { title: 'same top-1', align: 'right' },
    ],
    batch.outputs
      .slice(0, maxOutputs)
      .map((o) => [o.output, cosine(o), decibels(o), o.maxAbsError.toPrecision(3), share(o.top1Agreement)]),
  );
  const hidden = batch.outputs.length - maxOutputs;
  if (hidden > 0) lines.push(colour.dim(`… and ${hidden} more outputs (--json lists all)`));
  return lines;
}

/** Milliseconds in three digits: 0.352, 17.6, 1010. */
export function formatMs(ms: number): string {
  return ms >= 100 ? ms.toFixed(0) : ms.toPrecision(3);
}

const cosine = (o: OutputComparison): string => (o.cosine === undefined ? '–' : o.cosine.toFixed(5));
const share = (v: number | undefined): string => (v === undefined ? '–' : formatPercent(v));

export function decibels({ sqnrDb }: OutputComparison): string {
  if (Number.isFinite(sqnrDb)) return sqnrDb.toFixed(1);
  return sqnrDb > 0 ? '∞' : '−∞';
}

/** The arena's highest may come after the first run. */
function peakText({ peakBytes, peakSource, firstRunPeakBytes }: RunStats): string {
  if (firstRunPeakBytes === undefined || firstRunPeakBytes === peakBytes) return peakSource;
  return `${peakSource}, the highest of two runs; the first held ${formatBytes(firstRunPeakBytes)}`;
}

function placement(run: RunStats): string {
  const parts = Object.entries(run.placement).map(([ep, count]) => `${count} on ${ep}`);
  return parts.length === 0 ? 'unknown' : parts.join(', ');
}

function change(
  batch: BatchResult,
  value: (run: RunStats) => number | undefined,
  format: (v: number) => string,
): string {
  const [a, b] = [batch.original, batch.compressed].map((run) => {
    const v = run === undefined ? undefined : value(run);
    return v === undefined ? 'unknown' : format(v);
  });
  return a === b ? `${a}` : `${a} → ${b}`;
}
