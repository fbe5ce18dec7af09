/** The first lines of the text: what the model is, and what it costs in all. */
import { formatBytes, formatCount } from '../../format.ts';
import { opsetVersion } from '../../onnx/model.ts';
import type { Analysis, Figure, MemoryEstimate } from '../types.ts';
import { atColumns } from './text.ts';

export function headerLines(analysis: Analysis, estimate: MemoryEstimate, title?: string): string[] {
  return [
    joined(title ?? baseName(analysis.model.source.file.name), ...about(analysis)),
    joined(...sizes(analysis, estimate)),
    joined(...chosen(estimate)),
    joined(peakLine(estimate)),
    ...(estimate.unknown.length === 0
      ? []
      : [joined(`${estimate.unknown.length} nodes of unknown size are not in these sums`)]),
    '#',
    atColumns('# node', `${'weights'.padStart(10)}${'output'.padStart(12)}`, 'type', 'operator'),
  ];
}

function joined(...parts: readonly string[]): string {
  return `# ${parts.filter((p) => p !== '').join(' · ')}`;
}

function baseName(path: string): string {
  return path.split(/[\\/]/).at(-1) ?? path;
}

function about({ model }: Analysis): string[] {
  const opset = opsetVersion(model);
  const others = model.opsetImports.filter((o) => o.domain !== '').map((o) => `${o.domain} ${o.version}`);
  return [
    opset === undefined ? 'no ai.onnx opset' : `opset ${opset}`,
    ...others,
    `IR ${model.irVersion}`,
    [model.producerName, model.producerVersion].filter((s) => s !== '').join(' '),
  ];
}

function sizes(analysis: Analysis, estimate: MemoryEstimate): string[] {
  const types = analysis.weightBytesByType.map((w) => `${w.type} ${formatBytes(w.bytes)}`);
  return [
    `${formatCount(estimate.parameterCount)} parameters`,
    `${formatBytes(estimate.parameterBytes)} of weights${types.length > 1 ? ` (${types.join(', ')})` : ''}`,
    `${estimate.nodes.length} nodes in ${estimate.layers.length} layers`,
  ];
}

function chosen(estimate: MemoryEstimate): string[] {
  const dims = Object.entries(estimate.dims).map(([name, size]) => `${name} = ${size}`);
  return [...dims, estimate.ep, `optimization ${estimate.optimization}`];
}

function peakLine(estimate: MemoryEstimate): string {
  const parts: readonly (readonly [Figure, string])[] = [
    [estimate.deviceWeights, 'weights'],
    ...(estimate.weightsBeside.bytes === 0 ? [] : [[estimate.weightsBeside, 'weights beside'] as const]),
    [estimate.peakActivation, 'activations'],
    [estimate.workspace, 'workspace'],
    [estimate.overhead, 'overhead'],
  ];
  const { timeline } = estimate;
  const node = timeline.nodes[timeline.peakStep];
  const detail = parts.map(([figure, name]) => `${name} ${figureText(figure)}`).join(', ');
  return `peak ${figureText(estimate.heldPeak)} (${detail})${node === undefined ? '' : ` at ${node}`}`;
}

function figureText({ bytes, certainty }: Figure): string {
  if (bytes === undefined) return 'unknown';
  const mark = certainty === 'atLeast' ? '≥ ' : certainty === 'bound' ? '≤ ' : '';
  return mark + formatBytes(bytes);
}
