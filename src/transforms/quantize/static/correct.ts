/** Which layers' biases make up for what rounding the weight loses: those that have a bias, or may get one. */
import type { Planner } from './plan.ts';
import { inAxisOf } from './equalize.ts';

export function correctBiases(p: Planner): void {
  for (const [entry, plan] of p.nodes) {
    const { layer } = plan;
    const { opType } = entry.original;
    if (layer === undefined || (opType !== 'Conv' && opType !== 'Gemm')) continue;
    const inAxis = opType === 'Conv' ? 1 : inAxisOf(entry, layer);
    const value = p.values.get(layer.activation);
    if (inAxis === undefined || value === undefined) continue;
    const channelAxis = opType === 'Conv' ? 1 : -1;
    const target = { tensor: value.rescaled === undefined ? value.name : value.rangeOf, channelAxis };
    const mean = { target, inAxis, factors: value.rescaled?.factors };
    p.nodes.set(entry, { ...plan, layer: { ...layer, mean } });
  }
}
