/** What boxes are coloured by: a figure of each part, of groups as a whole. */
import type { GraphNodeView, GraphView } from '../../../src/protocol.ts';
import type { GraphMetric } from '../../state/view-state.ts';
import type { Part } from './parts.ts';

export interface PartFigure {
  /** Bytes; of what is known. */
  readonly value: number;
  readonly isAtLeast: boolean;
}

export type FigureOf = (part: Part) => PartFigure;

interface Metric {
  readonly of: (node: GraphNodeView) => number | undefined;
  /** Bytes held at once are no sum of those held one after another. */
  readonly isHighest: boolean;
}

const metrics: Readonly<Record<GraphMetric, Metric>> = {
  weights: { of: (node) => node.parameterBytes, isHighest: false },
  activations: { of: (node) => node.activationBytes, isHighest: false },
  alive: { of: (node) => node.aliveBytes, isHighest: true },
};

/** Figures are made when first asked for, and kept. */
export function figuresOf(view: GraphView, metric: GraphMetric): FigureOf {
  const known = new Map<string, PartFigure>();
  const { of, isHighest } = metrics[metric];
  return (part) => {
    const found = known.get(part.key) ?? figure(part);
    known.set(part.key, found);
    return found;
  };
  function figure(part: Part): PartFigure {
    let value = 0;
    let isAtLeast = false;
    for (const index of part.nodes) {
      const node = view.nodes[index];
      const bytes = node && of(node);
      isAtLeast ||= bytes === undefined;
      value = isHighest ? Math.max(value, bytes ?? 0) : value + (bytes ?? 0);
    }
    return { value, isAtLeast };
  }
}
