/** How uPlot draws the plots of a report: a line for each model, dashed where predicted, bars for intervals. */
import type uPlot from 'uplot';
import { resolveColour } from '../../lib/colour.ts';
import type { CheckPlot, PlotSeries } from './plot-data.ts';

/** x counts the batch sizes, so that 1, 8 and 512 stand side by side. */
export function plotData({ batches, series }: CheckPlot): uPlot.AlignedData {
  return [batches.map((_, i) => i), ...series.map((s) => s.values.map((v) => v ?? null))];
}

export function plotOptions(
  plot: CheckPlot,
  size: { readonly width: number; readonly height: number },
): uPlot.Options {
  const line = resolveColour('color-mix(in srgb, var(--vscode-foreground) 12%, transparent)');
  const font = `${getComputedStyle(document.body).fontSize} ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: resolveColour('var(--muted)'), font, ticks: { show: false } };
  const { batches } = plot;
  return {
    ...size,
    padding: [10, 12, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: () => [-0.4, batches.length - 0.6] },
      y: { range: () => rangeOf(plot) },
    },
    axes: [
      {
        ...axis,
        ...{ size: 28, gap: 6, grid: { show: false } },
        splits: () => batches.map((_, i) => i),
        values: (_u, at) => at.map((i) => String(batches[i] ?? '')),
      },
      {
        ...axis,
        ...{ size: 76, gap: 8, space: 34, grid: { stroke: line, width: 1 } },
        values: (_u, ticks) => ticks.map(plot.text),
        ...(plot.isBytes === true ? { incrs: binaryIncrements } : {}),
      },
    ],
    series: [{}, ...plot.series.map(seriesOf)],
    hooks: { draw: [(u) => drawIntervals(u, plot)] },
  };
}

/** So that marks are round in KiB, MiB and GiB. */
const binaryIncrements = Array.from({ length: 50 }, (_, power) => 2 ** power);

export const colours = {
  original: 'color-mix(in srgb, var(--vscode-foreground) 55%, var(--surface))',
  compressed: 'var(--weights)',
} as const satisfies Readonly<Record<PlotSeries['model'], string>>;

function seriesOf({ model, isPredicted }: PlotSeries): uPlot.Series {
  const stroke = resolveColour(colours[model]);
  const points = {
    show: true,
    size: isPredicted ? 4 : 7,
    stroke,
    fill: isPredicted ? 'transparent' : stroke,
  };
  return { stroke, width: isPredicted ? 1.5 : 2, points, ...(isPredicted ? { dash: [5, 4] } : {}) };
}

/** Round about what is drawn, intervals included; all the same: a little around it. */
function rangeOf({ series, isFromZero }: CheckPlot): [number, number] {
  const all = series.flatMap((s) => [
    ...s.values.filter((v) => v !== undefined),
    ...(s.intervals ?? []).flatMap((i) => i ?? []),
  ]);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  if (!Number.isFinite(low)) return [0, 1];
  if (isFromZero) return [0, high === 0 ? 1 : high * 1.1];
  const room = (high - low || Math.abs(high) * 0.01 || 1) * 0.15;
  return [low - room, high + room];
}

function drawIntervals(u: uPlot, { series }: CheckPlot): void {
  const { ctx } = u;
  for (const { model, intervals = [] } of series) {
    ctx.strokeStyle = resolveColour(colours[model]);
    ctx.lineWidth = devicePixelRatio;
    // beside each other, so that both can be seen
    const shift = (model === 'original' ? -3 : 3) * devicePixelRatio;
    for (const [i, interval] of intervals.entries()) {
      if (interval === undefined) continue;
      const x = u.valToPos(i, 'x', true) + shift;
      const [low, high] = interval.map((v) => u.valToPos(v, 'y', true));
      ctx.beginPath();
      ctx.moveTo(x, low ?? 0);
      ctx.lineTo(x, high ?? 0);
      ctx.stroke();
    }
  }
}
