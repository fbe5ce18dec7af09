/** What the plots of a report show: figures of both models by batch size. */
import { formatBytes } from '../../../src/format.ts';
import type { CheckView, MetricView, RunView } from '../../../src/protocol.ts';
import { type TextKey, t } from '../../l10n/index.ts';
import { metricText } from './figures.ts';

export interface PlotSeries {
  readonly title: string;
  readonly model: 'original' | 'compressed';
  readonly isPredicted: boolean;
  /** One per batch size. */
  readonly values: readonly (number | undefined)[];
  readonly intervals?: readonly (readonly [number, number] | undefined)[];
}

export interface CheckPlot {
  readonly title: string;
  readonly batches: readonly number[];
  readonly series: readonly PlotSeries[];
  readonly text: (value: number) => string;
  /** False where differences are what matters, far from 0. */
  readonly isFromZero: boolean;
  readonly isBytes?: boolean;
}

type Batch = CheckView['batches'][number];

export function plotsOf(view: CheckView, metric: string): readonly CheckPlot[] {
  const run = view.batches.filter((b) => b.error === undefined);
  const batches = run.map((b) => b.batchSize);
  const of = (
    title: TextKey,
    model: PlotSeries['model'],
    value: (r: RunView) => number | undefined,
    isPredicted = false,
  ): PlotSeries => ({
    title: t(title),
    model,
    isPredicted,
    values: run.map((b) => (b[model] === undefined ? undefined : value(b[model]))),
  });
  const ms = (value: number) => `${value >= 10 ? value.toFixed(0) : Number(value.toPrecision(2))} ms`;
  return [
    { title: metricTitle(metric), batches, isFromZero: false, ...metricSeries(run, metric) },
    {
      ...{ title: t('checks.latency'), batches, text: ms, isFromZero: true },
      series: [
        of('peak.before', 'original', (r) => r.latencyP50Ms),
        of('peak.after', 'compressed', (r) => r.latencyP50Ms),
      ],
    },
    {
      ...{ title: t('checks.memory'), batches, text: formatBytes, isFromZero: true, isBytes: true },
      series: [
        of('peak.before', 'original', (r) => r.peakBytes),
        of('peak.after', 'compressed', (r) => r.peakBytes),
        of('checks.predictedBefore', 'original', (r) => r.predictedBytes, true),
        of('checks.predictedAfter', 'compressed', (r) => r.predictedBytes, true),
      ],
    },
  ];
}

/** What can be drawn against the batch size, the most telling first. */
export function metricsOf(view: CheckView): readonly string[] {
  const labelled = view.batches.flatMap((b) => b.compressed?.metrics?.map((m) => m.name) ?? []);
  const outputs = view.batches.flatMap((b) => b.outputs);
  const own = Object.keys(outputFigures).filter((name) =>
    outputs.some((o) => outputFigures[name as OutputFigure](o) !== undefined),
  );
  return [...new Set([...labelled, ...own])];
}

type OutputFigure = 'agreement' | 'cosine' | 'sqnr' | 'kl';

/** Of the first output. */
const outputFigures: Readonly<Record<OutputFigure, (o: Batch['outputs'][number]) => number | undefined>> = {
  agreement: (o) => o.top1Agreement,
  cosine: (o) => o.cosine,
  sqnr: (o) => (o.sqnrDb === 'inf' ? undefined : o.sqnrDb),
  kl: (o) => o.klDivergence,
};

const outputTitles = {
  agreement: 'checks.agreement',
  cosine: 'checks.cosine',
  sqnr: 'checks.sqnr',
  kl: 'checks.kl',
} as const satisfies Readonly<Record<OutputFigure, TextKey>>;

function isOutputFigure(metric: string): metric is OutputFigure {
  return Object.hasOwn(outputFigures, metric);
}

export function metricTitle(metric: string): string {
  return isOutputFigure(metric) ? t(outputTitles[metric]) : metric;
}

function metricSeries(run: readonly Batch[], metric: string): Pick<CheckPlot, 'series' | 'text'> {
  if (isOutputFigure(metric)) {
    const values = run.map((b) => b.outputs[0] && outputFigures[metric](b.outputs[0]));
    const text = (value: number) => (metric === 'agreement' ? metricText('top-1', value) : short(value));
    return { text, series: [{ title: t('peak.after'), model: 'compressed', isPredicted: false, values }] };
  }
  const series = (['original', 'compressed'] as const).map((model): PlotSeries => {
    const found = run.map((b) => b[model]?.metrics?.find((m) => m.name === metric));
    return {
      ...{ title: t(model === 'original' ? 'peak.before' : 'peak.after'), model, isPredicted: false },
      values: found.map((m) => m?.value),
      intervals: found.map(intervalOf),
    };
  });
  return { text: (value) => metricText(metric, value), series };
}

function intervalOf(m: MetricView | undefined): readonly [number, number] | undefined {
  return m?.low === undefined || m.high === undefined ? undefined : [m.low, m.high];
}

function short(value: number): string {
  return String(Number(value.toPrecision(5)));
}
