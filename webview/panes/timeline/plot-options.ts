/** The timeline's plot: bytes held at each step as staircases upon each other, the peak marked, drag to zoom. */
import uPlot from 'uplot';
import { formatBytes } from '../../../src/format.ts';
import { resolveColour, tint } from '../../lib/colour.ts';

export interface PlotInput {
  readonly aliveBytes: readonly number[];
  /** On the activations; empty where it is not known. */
  readonly workspaceBytes: readonly number[];
  /** Under the activations, at every step; 0 to leave them out. */
  readonly weightBytes: number;
  readonly keptBuffersBytes: number;
  readonly overheadBytes: number;
  readonly peakStep: number;
  /** Drawn as a line where it is in reach. */
  readonly budgetBytes: number | undefined;
  readonly peakLabel: string;
  readonly budgetLabel: string;
  /** Steps of the chosen layers. */
  readonly marked: () => ReadonlySet<number>;
}

export interface PlotEvents {
  readonly onHover: (
    at: { readonly step: number; readonly left: number; readonly top: number } | undefined,
  ) => void;
  readonly onClick: (step: number) => void;
  readonly onZoom: (isZoomed: boolean) => void;
}

/** x: steps and one more, since a step reaches to the next; y: from the top of the pile to its bottom. */
export function plotData(input: PlotInput): uPlot.AlignedData {
  const { aliveBytes, workspaceBytes, weightBytes, keptBuffersBytes } = input;
  const base = baseOf(input);
  const steps = aliveBytes.length;
  const ends = Array.from({ length: steps + 1 }, (_, i) => Math.max(0, Math.min(i, steps - 1)));
  const tensors = ends.map((step) => base + (aliveBytes[step] ?? 0));
  return [
    ends.map((_, i) => i),
    tensors.map((bytes, i) => bytes + (workspaceBytes[ends[i] ?? 0] ?? 0)),
    tensors,
    ends.map(() => base),
    ends.map(() => weightBytes + keptBuffersBytes),
    ends.map(() => weightBytes),
  ];
}

function baseOf({ weightBytes, keptBuffersBytes, overheadBytes }: PlotInput): number {
  return weightBytes + keptBuffersBytes + overheadBytes;
}

function heightAt(input: PlotInput, step: number): number {
  return baseOf(input) + (input.aliveBytes[step] ?? 0) + (input.workspaceBytes[step] ?? 0);
}

export function fullRange({ aliveBytes }: PlotInput): { readonly min: number; readonly max: number } {
  return { min: 0, max: Math.max(1, aliveBytes.length) };
}

export function plotOptions(
  input: PlotInput,
  events: PlotEvents,
  size: { readonly width: number; readonly height: number },
): uPlot.Options {
  const line = resolveColour('color-mix(in srgb, var(--vscode-foreground) 12%, transparent)');
  const text = resolveColour('var(--muted)');
  const font = `${getComputedStyle(document.body).fontSize} ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: text, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
  const { max } = fullRange(input);
  return {
    ...size,
    padding: [22, 16, 0, 0],
    legend: { show: false },
    scales: { x: { time: false, range: (_u, from, to) => [from, to] }, y: { range: () => [0, top(input)] } },
    axes: [
      { ...axis, size: 28, gap: 6, incrs: wholeIncrements, space: 60, grid: { show: false } },
      {
        ...axis,
        size: 76,
        gap: 8,
        incrs: binaryIncrements,
        space: 34,
        values: (_u, ticks) => ticks.map(formatBytes),
      },
    ],
    series: [
      {},
      // lines beneath are covered by those above where the two are one
      staircase('--workspace', input.workspaceBytes.length > 0),
      staircase('--activations'),
      staircase('--overhead', input.overheadBytes > 0),
      staircase('--buffers', input.keptBuffersBytes > 0),
      { ...staircase('--weights', input.weightBytes > 0), fill: tint('--weights', 0.34) },
    ],
    bands: [
      { series: [1, 2], fill: tint('--workspace', 0.34) },
      { series: [2, 3], fill: tint('--activations', 0.34) },
      { series: [3, 4], fill: tint('--overhead', 0.34) },
      { series: [4, 5], fill: tint('--buffers', 0.34) },
    ],
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: true, dist: 4 },
    },
    hooks: {
      setCursor: [(u) => events.onHover(hovered(u, input))],
      setScale: [(u, key) => key === 'x' && events.onZoom(isZoomed(u, max))],
      ready: [(u) => listen(u, input, events)],
      drawAxes: [(u) => drawMarked(u, input.marked())],
      draw: [(u) => drawPeak(u, input)],
    },
  };
}

/** One that is not there has its path all the same: the band above it ends there. */
function staircase(cause: string, isThere = true): uPlot.Series {
  const paths = uPlot.paths.stepped?.({ align: 1 });
  const stroke = isThere ? resolveColour(`var(${cause})`) : 'transparent';
  return { stroke, width: 1.5, points: { show: false }, ...(paths === undefined ? {} : { paths }) };
}

const wholeIncrements = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000,
];
/** So that marks are round in KiB, MiB and GiB. */
const binaryIncrements = Array.from({ length: 50 }, (_, power) => 2 ** power);

function top(input: PlotInput): number {
  const { aliveBytes, budgetBytes } = input;
  const highest = aliveBytes.reduce((most, _, step) => Math.max(most, heightAt(input, step)), 1);
  // A budget far above would press the picture flat.
  return budgetBytes !== undefined && isBudgetInReach(highest, budgetBytes, input)
    ? Math.max(highest, budgetBytes) * 1.08
    : highest * 1.08;
}

/** It is one for everything that is held, not for what stands on the weights. */
function isBudgetInReach(highest: number, budget: number, input: PlotInput): boolean {
  return baseOf(input) > 0 && budget < highest * 2.5;
}

function isZoomed(u: uPlot, max: number): boolean {
  const { min: from, max: to } = u.scales['x'] ?? {};
  return (from ?? 0) > 0.001 || (to ?? max) < max - 0.001;
}

function stepAt(u: uPlot, left: number, input: PlotInput): number {
  return Math.min(input.aliveBytes.length - 1, Math.max(0, Math.floor(u.posToVal(left, 'x'))));
}

function hovered(u: uPlot, input: PlotInput): Parameters<PlotEvents['onHover']>[0] {
  const { left, top: y } = u.cursor;
  if (left === undefined || y === undefined || left < 0 || input.aliveBytes.length === 0) return undefined;
  return { step: stepAt(u, left, input), left: left + u.over.offsetLeft, top: y + u.over.offsetTop };
}

function listen(u: uPlot, input: PlotInput, events: PlotEvents): void {
  let downX = 0;
  u.over.addEventListener('mousedown', (e) => {
    downX = e.clientX;
  });
  u.over.addEventListener('click', (e) => {
    // The end of a drag is no click.
    if (Math.abs(e.clientX - downX) < 4) events.onClick(stepAt(u, e.offsetX, input));
  });
  u.over.addEventListener('mouseleave', () => events.onHover(undefined));
  u.over.addEventListener('wheel', (e) => {
    e.preventDefault();
    zoomAround(u, u.posToVal(e.offsetX, 'x'), e.deltaY < 0 ? 0.8 : 1.25, fullRange(input).max);
  });
}

function zoomAround(u: uPlot, at: number, factor: number, max: number): void {
  const { min: from = 0, max: to = max } = u.scales['x'] ?? {};
  if (to - from <= 2 && factor < 1) return;
  u.setScale('x', {
    min: Math.max(0, at - (at - from) * factor),
    max: Math.min(max, at + (to - at) * factor),
  });
}

function drawMarked(u: uPlot, steps: ReadonlySet<number>): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.fillStyle = resolveColour('color-mix(in srgb, var(--vscode-focusBorder) 26%, transparent)');
  for (const step of steps) {
    const from = Math.max(bbox.left, u.valToPos(step, 'x', true));
    const to = Math.min(bbox.left + bbox.width, u.valToPos(step + 1, 'x', true));
    if (to > from) ctx.fillRect(from, bbox.top, Math.max(2, to - from), bbox.height);
  }
  ctx.restore();
}

function drawPeak(u: uPlot, input: PlotInput): void {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  if (input.aliveBytes.length === 0) return;
  const peak = heightAt(input, input.peakStep);
  ctx.save();
  ctx.font = `600 ${12 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
  ctx.lineWidth = ratio;
  if (isBudgetInReach(peak, input.budgetBytes ?? Infinity, input)) {
    drawLevel(u, input.budgetBytes ?? 0, input.budgetLabel);
  }
  const x = u.valToPos(input.peakStep + 0.5, 'x', true);
  if (x >= bbox.left && x <= bbox.left + bbox.width) {
    const y = u.valToPos(peak, 'y', true);
    const colour = resolveColour('var(--bad)');
    ctx.fillStyle = colour;
    ctx.beginPath();
    ctx.arc(x, y, 4 * ratio, 0, 2 * Math.PI);
    ctx.fill();
    const isRight = x > bbox.left + bbox.width * 0.6;
    ctx.textAlign = isRight ? 'right' : 'left';
    ctx.fillText(input.peakLabel, x + (isRight ? -8 : 8) * ratio, y - 8 * ratio);
  }
  ctx.restore();
}

function drawLevel(u: uPlot, bytes: number, label: string): void {
  const { ctx, bbox } = u;
  const y = u.valToPos(bytes, 'y', true);
  const colour = resolveColour('var(--warn)');
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.setLineDash([]);
  // On a ground of its own: the picture may go over it.
  const { width } = ctx.measureText(label);
  const [height, right] = [16 * devicePixelRatio, bbox.left + bbox.width - 4 * devicePixelRatio];
  ctx.fillStyle = resolveColour('color-mix(in srgb, var(--surface) 80%, transparent)');
  ctx.fillRect(right - width - height / 4, y - height - 2 * devicePixelRatio, width + height / 2, height);
  ctx.fillStyle = colour;
  ctx.textAlign = 'right';
  ctx.fillText(label, right, y - 6 * devicePixelRatio);
}
