/** The first lines of the text: what the model is, and what it costs in all; in the language of whoever reads it. */
import { formatBytes, formatCount } from '../../format.ts';
import { opsetVersion } from '../../onnx/model.ts';
import type { Analysis, Figure, MemoryEstimate } from '../types.ts';
import { columns } from './text.ts';

/** All that the head says, for those who translate it. */
export const headTemplates = [
  'no ai.onnx opset',
  '{0} parameters',
  '{0} of weights',
  '{0} of weights ({1})',
  '{0} nodes in {1} layers',
  'optimization {0}',
  'peak {0} ({1})',
  'peak {0} ({1}) at {2}',
  'weights {0}',
  'weights beside {0}',
  'activations {0}',
  'workspace {0}',
  'overhead {0}',
  'unknown',
  '{0} nodes of unknown size are not in these sums',
  'node',
  'weights',
  'output',
  'type',
  'operator',
] as const;
export type HeadTemplate = (typeof headTemplates)[number];

/** Says a template with its values. A translation of the peak ends with its node, too: that is a link. */
export type Say = (template: HeadTemplate, ...values: readonly (string | number)[]) => string;

export const inEnglish: Say = (template, ...values) =>
  template.replaceAll(/\{(\d)\}/g, (_, i: string) => String(values[Number(i)]));

export function headerLines(
  analysis: Analysis,
  estimate: MemoryEstimate,
  say: Say,
  title: string | undefined,
): string[] {
  return [
    joined(title ?? baseName(analysis.model.source.file.name), ...about(analysis, say)),
    joined(...sizes(analysis, estimate, say)),
    joined(...chosen(estimate, say)),
    joined(peakLine(estimate, say)),
    ...(estimate.unknown.length === 0
      ? []
      : [joined(say('{0} nodes of unknown size are not in these sums', estimate.unknown.length))]),
    '#',
    columnLine(say),
  ];
}

function columnLine(say: Say): string {
  const [memory, type, operator] = columns;
  const figures = padded(say('weights'), -10) + padded(say('output'), -12);
  return [
    padded(`# ${say('node')}`, memory),
    padded(figures, type - memory),
    padded(say('type'), operator - type),
    say('operator'),
  ].join('');
}

/** To so many columns of a fixed-width font, in which a Chinese character takes two; negative: at its right end. */
function padded(text: string, to: number): string {
  const taken = text.length + (text.match(/[\u2e80-\uffef]/g)?.length ?? 0);
  const space = ' '.repeat(Math.max(0, Math.abs(to) - taken));
  return to < 0 ? space + text : text + space;
}

function joined(...parts: readonly string[]): string {
  return `# ${parts.filter((p) => p !== '').join(' · ')}`;
}

function baseName(path: string): string {
  return path.split(/[\\/]/).at(-1) ?? path;
}

function about({ model }: Analysis, say: Say): string[] {
  const opset = opsetVersion(model);
  const others = model.opsetImports.filter((o) => o.domain !== '').map((o) => `${o.domain} ${o.version}`);
  return [
    opset === undefined ? say('no ai.onnx opset') : `opset ${opset}`,
    ...others,
    `IR ${model.irVersion}`,
    [model.producerName, model.producerVersion].filter((s) => s !== '').join(' '),
  ];
}

function sizes(analysis: Analysis, estimate: MemoryEstimate, say: Say): string[] {
  const types = analysis.weightBytesByType.map((w) => `${w.type} ${formatBytes(w.bytes)}`);
  const weights = formatBytes(estimate.parameterBytes);
  return [
    say('{0} parameters', formatCount(estimate.parameterCount)),
    types.length > 1
      ? say('{0} of weights ({1})', weights, types.join(', '))
      : say('{0} of weights', weights),
    say('{0} nodes in {1} layers', estimate.nodes.length, estimate.layers.length),
  ];
}

function chosen(estimate: MemoryEstimate, say: Say): string[] {
  const dims = Object.entries(estimate.dims).map(([name, size]) => `${name} = ${size}`);
  return [...dims, estimate.ep, say('optimization {0}', estimate.optimization)];
}

function peakLine(estimate: MemoryEstimate, say: Say): string {
  const parts: readonly (readonly [HeadTemplate, Figure])[] = [
    ['weights {0}', estimate.deviceWeights],
    ...(estimate.weightsBeside.bytes === 0 ? [] : [['weights beside {0}', estimate.weightsBeside] as const]),
    ['activations {0}', estimate.peakActivation],
    ['workspace {0}', estimate.workspace],
    ['overhead {0}', estimate.overhead],
  ];
  const { timeline } = estimate;
  const node = timeline.nodes[timeline.peakStep];
  const peak = figureText(estimate.heldPeak, say);
  const detail = parts.map(([template, figure]) => say(template, figureText(figure, say))).join(', ');
  return node === undefined
    ? say('peak {0} ({1})', peak, detail)
    : say('peak {0} ({1}) at {2}', peak, detail, node);
}

function figureText({ bytes, certainty }: Figure, say: Say): string {
  if (bytes === undefined) return say('unknown');
  const mark = certainty === 'atLeast' ? '≥ ' : certainty === 'bound' ? '≤ ' : '';
  return mark + formatBytes(bytes);
}
