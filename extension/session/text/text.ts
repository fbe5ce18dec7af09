/** The text of a model, with what its lines stand for. */
import { l10n } from 'vscode';
import { outline, type Outline, type OutlineLine } from '../../../src/analysis/index.ts';
import { formatBytes } from '../../../src/format.ts';
import type { Side } from '../../text/text-uri.ts';
import type { Shown } from '../shown.ts';
import { sideView } from './side.ts';

export interface TextLine extends OutlineLine {
  /** What the outline says beside the name of a node: its operator and its weights. */
  readonly detail?: string | undefined;
}

export interface ModelText {
  readonly text: string;
  readonly lines: readonly TextLine[];
  readonly regions: Outline['regions'];
  /** The node that runs at the peak. */
  readonly peakNode: string | undefined;
}

export function modelText(shown: Shown, side: Side): ModelText {
  const { analysis, estimate } = sideView(shown, side);
  const { text, lines, regions } = outline(analysis, estimate, {
    title: shown.fileName,
    say: (template, ...values) => l10n.t(template, ...values),
  });
  const costs = new Map(estimate.nodes.map((n) => [n.id, n]));
  const { nodes, peakStep } = estimate.timeline;
  return {
    text,
    regions,
    peakNode: nodes[peakStep],
    lines: lines.map((line) => {
      const cost = line.kind === 'node' ? costs.get(line.nodeId ?? '') : undefined;
      if (cost === undefined) return line;
      const weights = cost.parameterBytes > 0 ? ` · ${formatBytes(cost.parameterBytes)}` : '';
      return { ...line, detail: `${cost.opType}${weights}` };
    }),
  };
}

/** Ids of the nodes of the changed model that belong to a layer of the original. */
export function nodesOfLayer(shown: Shown, layerId: string): readonly string[] {
  const map = shown.snapshot.layers();
  return shown.estimate.nodes.map((n) => n.id).filter((id) => map.layerId(id) === layerId);
}
