/** What a model costs, for people: a table of its layers, and the totals. */
import { laterPeakBytes } from '../analysis/index.ts';
import type { Figure, MemoryEstimate } from '../analysis/types.ts';
import { formatBytes, formatCount, formatShape } from '../format.ts';
import { bar, colour, table, wrap } from './terminal.ts';

/** One row per layer with weights or with a noteworthy activation, heaviest first, at most `limit`. */
export function layerTable(estimate: MemoryEstimate, limit = 40): string[] {
  const cost = (l: MemoryEstimate['layers'][number]): number => l.parameterBytes + (l.activationBytes ?? 0);
  const heaviest = [...estimate.layers].sort((a, b) => cost(b) - cost(a)).slice(0, limit);
  const kept = new Set(heaviest.map((l) => l.id));
  const largest = Math.max(1, ...heaviest.map(cost));
  const rows = estimate.layers
    .filter((l) => kept.has(l.id))
    .map((l) => [
      l.name,
      colour.dim(l.opType),
      l.outputShape === undefined ? colour.yellow('unknown') : formatShape(l.outputShape),
      l.parameterBytes === 0 ? colour.dim('–') : formatBytes(l.parameterBytes),
      l.activationBytes === undefined ? colour.yellow('unknown') : formatBytes(l.activationBytes),
      l.macs === undefined ? colour.yellow('?') : formatCount(l.macs),
      colour.cyan(bar(l.parameterBytes / largest, 12).trimEnd()) +
        colour.magenta(bar((l.activationBytes ?? 0) / largest, 12).trimEnd()),
    ]);
  const lines = table(
    [
      { title: 'layer', maxWidth: 44 },
      { title: 'op', maxWidth: 20, dropFirst: 1 },
      { title: 'output' },
      { title: 'weights', align: 'right' },
      { title: 'activations', align: 'right' },
      { title: 'MACs', align: 'right', dropFirst: 2 },
      { title: `${colour.cyan('weights')} ${colour.magenta('activations')}`, dropFirst: 3 },
    ],
    rows,
  );
  const hidden = estimate.layers.length - heaviest.length;
  if (hidden > 0) lines.push(colour.dim(`… and ${hidden} lighter layers (--json lists all)`));
  return lines;
}

/** Weights, activations, workspace, kept buffers, overhead and what they come to at the peak. */
export function totalsLines(estimate: MemoryEstimate): string[] {
  const { timeline } = estimate;
  const dims = Object.entries(estimate.dims).map(([name, size]) => `${name} = ${size}`);
  const peakNode = timeline.nodes[timeline.peakStep];
  const rows = [
    ['weights in the file', formatBytes(estimate.parameterBytes), ''],
    [`weights on ${estimate.ep}`, ...figureCells(estimate.deviceWeights)],
    ...(estimate.weightsBeside.bytes === 0
      ? []
      : [['weights beside', ...figureCells(estimate.weightsBeside)]]),
    ['activations at the peak', ...figureCells(estimate.peakActivation)],
    ['workspace', ...figureCells(estimate.workspace)],
    ...(estimate.keptBuffers === undefined
      ? []
      : [['buffers kept for reuse', ...figureCells(estimate.keptBuffers)]]),
    ['overhead', ...figureCells(estimate.overhead)],
    [colour.bold('peak in all'), ...figureCells(estimate.heldPeak, colour.bold)],
    [`of it ${estimate.ep} reports`, ...figureCells(estimate.totalPeak)],
    ...laterRows(estimate),
  ];
  const lines = table([{ title: 'memory' }, { title: '', align: 'right' }, { title: '' }], rows);
  if (dims.length > 0) lines.push(...wrap(colour.dim(`at ${dims.join(', ')}`), 2));
  if (peakNode !== undefined)
    lines.push(colour.dim(`peak at step ${timeline.peakStep + 1} of ${timeline.nodes.length}: ${peakNode}`));
  if (estimate.unknown.length > 0) {
    lines.push(colour.yellow(`${estimate.unknown.length} nodes of unknown cost are not in these sums:`));
    for (const u of estimate.unknown.slice(0, 5)) {
      lines.push(...wrap(colour.yellow(`  ${u.node}: ${u.reason}`), 4));
    }
  }
  return lines;
}

function laterRows(estimate: MemoryEstimate): string[][] {
  const bytes = laterPeakBytes(estimate);
  if (bytes === undefined || bytes === estimate.heldPeak.bytes) return [];
  return [['later runs', formatBytes(bytes), colour.dim("one block for all: ONNX Runtime's memory pattern")]];
}

export function figureCells(figure: Figure, emphasis: (s: string) => string = String): string[] {
  if (figure.bytes === undefined) return [colour.yellow('unknown'), colour.dim(figure.note ?? '')];
  const mark = figure.certainty === 'atLeast' ? '≥ ' : figure.certainty === 'bound' ? '≤ ' : '';
  return [emphasis(mark + formatBytes(figure.bytes)), colour.dim(figure.note ?? '')];
}
