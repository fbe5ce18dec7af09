/** What `check` can do beside the sweep: layers, the largest batch, and the report as a file. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { formatBytes } from '../format.ts';
import {
  reportJson,
  reportMarkdown,
  type CheckReport,
  type CheckRequest,
  type LargestBatchResult,
  type LayersReport,
  type Runner,
} from '../runtime/index.ts';
import { decibels } from './check-report.ts';
import { UsageError } from './failure.ts';
import { colour, progressLine, table } from './terminal.ts';

export async function writeReport(file: string, report: CheckReport): Promise<void> {
  const write = { '.json': reportJson, '.md': reportMarkdown }[path.extname(file).toLowerCase()];
  if (write === undefined) throw new UsageError(`--report ${file}: expected a .json or .md file`);
  await writeFile(file, write(report));
}

export function layersReport(
  runner: Runner,
  request: CheckRequest,
  signal: AbortSignal,
): Promise<LayersReport> {
  const { original, compressed, ep, data, dims, batchSymbols } = request;
  const settings = { original, compressed, ep, data, dims, batchSymbols };
  return runner.compareLayers(settings, { signal, onProgress: progressLine() });
}

/** Layers shown; --json lists all. */
const maxLayers = 40;

export function layerLines(report: LayersReport | undefined): string[] {
  if (report === undefined) return [];
  const { layers } = report;
  const first = layers.findIndex((l) => l.sqnrDb !== Infinity);
  const from = Math.max(0, Math.min(first, layers.length - maxLayers));
  const rows = layers
    .slice(from, from + maxLayers)
    .map((l) => [l.node, l.opType, decibels(l), l.cosine?.toFixed(5) ?? '–', l.maxAbsError.toPrecision(3)]);
  const hidden = layers.length - rows.length;
  return [
    '',
    ...table(
      [
        { title: 'layer', maxWidth: 48 },
        { title: 'operator' },
        { title: 'SQNR dB', align: 'right' },
        { title: 'cosine', align: 'right' },
        { title: 'max |error|', align: 'right' },
      ],
      rows,
    ),
    ...(hidden > 0 ? [colour.dim(`… and ${hidden} more layers (--json lists all)`)] : []),
    colour.dim(
      first < 0 ? 'no layer differs' : `the error starts at ${layers[first]?.node ?? ''} · ${report.data}`,
    ),
  ];
}

type Largest = Readonly<Record<'original' | 'compressed', LargestBatchResult>>;

export async function largestBatches(
  runner: Runner,
  request: CheckRequest,
  budgetBytes: number,
  signal: AbortSignal,
): Promise<Largest> {
  const { ep, dims, batchSymbols, optimization } = request;
  const find = (model: string) =>
    runner.findLargestBatch(
      { model, ep, dims, batchSymbols, optimization, budgetBytes },
      { signal, onProgress: progressLine() },
    );
  return { original: await find(request.original), compressed: await find(request.compressed) };
}

export function largestLines(largest: Largest | undefined): string[] {
  if (largest === undefined) return [];
  const text = ({ batchSize, peakBytes, limit }: LargestBatchResult) =>
    `${batchSize}${limit === 'maxBatch' ? ' or more' : ''}${peakBytes === undefined ? '' : ` (${formatBytes(peakBytes)})`}`;
  const { original, compressed } = largest;
  return [
    '',
    `largest batch  ${text(original)} → ${text(compressed)}`,
    colour.dim(`               ${original.peakSource ?? ''}`),
  ];
}
