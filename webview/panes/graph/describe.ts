/** A part in words: for the tooltip, and for those who hear the graph. */
import { formatBytes } from '../../../src/format.ts';
import type { GraphView } from '../../../src/protocol.ts';
import { t } from '../../l10n/index.ts';
import { figuresOf } from './metrics.ts';
import type { Part } from './parts.ts';

export function describePart(view: GraphView, part: Part): string {
  if (part.kind === 'input') return `${part.label}: ${t('graph.input')}`;
  if (part.kind === 'output') return `${part.label}: ${t('graph.output')}`;
  const figure = (metric: 'weights' | 'activations'): string => {
    const { value, isAtLeast } = figuresOf(view, metric)(part);
    return `${isAtLeast ? '≥ ' : ''}${formatBytes(value)}`;
  };
  const figures = t('graph.figures', { weights: figure('weights'), activations: figure('activations') });
  const what = part.opType === '' ? t('graph.nodes', { n: part.nodes.length }) : part.opType;
  return `${part.label} · ${what}: ${figures}`;
}
