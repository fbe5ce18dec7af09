/**
 * Cross-layer equalisation: where one layer's result goes, through Relu at most, to one other layer only, each channel
 * is divided in the first and multiplied in the second, so that both weights spread their channels alike
 * (Nagel et al., ICCV 2019, section 4.1: s = √(r₁ / r₂), r the largest magnitudes per channel).
 */
import { attributeInt } from '../../../onnx/model.ts';
import type { Entry } from '../../graph/workspace.ts';
import { lazy } from '../../weights/stream.ts';
import { rescaledRange, weightMaxima } from './channel-ranges.ts';
import { layerSource, type LayerPlan, type Rescaling } from './layer-floats.ts';
import type { NodePlan, Planner } from './plan.ts';
import type { Factors } from './scaled-tensor.ts';

/** Of activations: channels are the second axis of what Conv and Gemm give. */
const CHANNEL_AXIS = 1;

export function equalize(p: Planner): void {
  for (const [entry, plan] of p.nodes) {
    const { layer } = plan;
    if (layer === undefined || layer.rescalings.some((r) => !r.isOutput && r.axis === layer.outAxis))
      continue;
    const axis = inAxisOf(entry, layer);
    const before = p.giver(layer.activation);
    const first = before?.plan.layer;
    if (axis === undefined || before === undefined || first === undefined) continue;
    if (canRescale(p, before.entry, first, layer)) rescalePair(p, before, { entry, plan }, axis);
  }
}

/** The axis of the weight along what the layer takes; undefined where a Conv has groups of several channels. */
export function inAxisOf({ original }: Entry, { weight, outAxis }: LayerPlan): number | undefined {
  const { dims } = weight.tensor;
  if (original.opType === 'ConvTranspose' || dims.length < 2) return undefined;
  if (original.opType !== 'Conv') {
    return dims.length === 2 && attributeInt(original, 'transA', 0) === 0 ? 1 - outAxis : undefined;
  }
  const groups = attributeInt(original, 'group', 1);
  if (groups === 1) return 1;
  // depthwise: one output channel for each input channel
  return groups === dims[0] && dims[1] === 1 ? 0 : undefined;
}

function canRescale(p: Planner, { original }: Entry, first: LayerPlan, second: LayerPlan): boolean {
  const name = second.activation;
  const value = p.values.get(name);
  const isConv = original.opType === 'Conv' || original.opType === 'Gemm';
  const folded = [name, ...[...p.renamed].filter(([, to]) => to === name).map(([from]) => from)];
  const between = folded.filter((n) => n !== original.outputs[0]);
  const opTypeOf = (n: string): string => p.ws.main.producers.get(n)?.original.opType ?? '';
  // what is cut at another place than 0 must stay as large as it is
  const isLinear = between.every((n) => HOMOGENEOUS.has(opTypeOf(n)));
  const hasOwnRange = value !== undefined && value.like === undefined && value.rescaled === undefined;
  const isShared = [first, second].some(
    (l) => p.ws.uses(l.weight.binding.scope, l.weight.binding.name).length > 1,
  );
  return isConv && isLinear && hasOwnRange && !isShared && p.hasOneUse(name) && first.alpha === 1;
}

const HOMOGENEOUS: ReadonlySet<string> = new Set(['Relu', 'BatchNormalization']);

interface Planned {
  readonly entry: Entry;
  readonly plan: NodePlan;
}

function rescalePair(p: Planner, first: Planned, second: Planned, inAxis: number): void {
  const [a, b] = [first.plan.layer, second.plan.layer];
  if (a === undefined || b === undefined) return;
  const name = b.activation;
  const [before, behind] = [layerSource(p.ws, first.entry, a), layerSource(p.ws, second.entry, b)];
  const factors: Factors = lazy(async (signal) => {
    const [r1, r2] = [
      await weightMaxima(before, a.outAxis, signal),
      await weightMaxima(behind, inAxis, signal),
    ];
    return r1.map((r, c) => (r > 0 && (r2[c] ?? 0) > 0 ? Math.sqrt(r / (r2[c] ?? 1)) : 1));
  });
  const inverse: Factors = async (signal) => (await factors(signal)).map((s) => 1 / s);
  const id = `equalize ${name}`;
  const needsData = [...a.rescalings, ...b.rescalings].some((r) => r.needsData);
  setLayer(p, first, { id, axis: a.outAxis, factors: inverse, isOutput: true, needsData });
  setLayer(p, second, { id, axis: inAxis, factors, isOutput: false, needsData });
  const value = p.values.get(name);
  if (value === undefined) return;
  const find = rescaledRange(p.ws, value.rangeOf, CHANNEL_AXIS, inverse);
  p.values.set(name, { ...value, rescaled: { axis: CHANNEL_AXIS, find, factors: inverse } });
}

function setLayer(p: Planner, { entry, plan }: Planned, rescaling: Rescaling): void {
  const { layer } = plan;
  if (layer === undefined) return;
  const rescalings = [...layer.rescalings, rescaling];
  p.nodes.set(entry, { ...plan, layer: { ...layer, rescalings } });
}
