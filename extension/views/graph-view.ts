/** The graph of the changed model, ready to be laid out and drawn. */
import { dataflow } from '../../src/analysis/index.ts';
import type { GraphView } from '../../src/protocol.ts';
import type { Shown } from '../session/shown.ts';
import { layerStates } from './layers.ts';

/** Ten times the largest model met; what is drawn is held twice, here and in the page. */
export const maxGraphNodes = 100_000;

export function graphView(document: Shown, limit = maxGraphNodes): GraphView {
  const { estimate, options, snapshot } = document;
  const layerOf = new Map(layerStates(document).flatMap((l) => l.nodes.map((id) => [id, l.id] as const)));
  const nodes = estimate.nodes.slice(0, limit).map((node) => ({
    id: node.id,
    opType: node.opType,
    layerId: layerOf.get(node.id) ?? node.id,
    parameterBytes: node.parameterBytes,
    activationBytes: node.activationBytes,
    aliveBytes: node.aliveBytes,
  }));
  const tensors = dataflow(snapshot.analysis(), options.dims)
    .filter(({ producer }) => producer === undefined || producer < nodes.length)
    .map(({ name, bytes, producer, consumers, isOutput }) => ({
      name,
      bytes,
      from: producer ?? -1,
      to: consumers.filter((index) => index < nodes.length),
      isOutput,
    }));
  return { nodes, tensors, omittedNodes: estimate.nodes.length - nodes.length };
}
