/**
 * SmoothQuant: a value with a few large channels is divided by a factor per channel, and the weights that it is
 * multiplied with take the factor back: s = max|x|^α / max|W|^(1−α) (Xiao et al., ICML 2023).
 */
import type { Entry } from '../../graph/workspace.ts';
import { lazy } from '../../weights/stream.ts';
import { activationMaxima, rescaledRange, weightMaxima } from './channel-ranges.ts';
import { inAxisOf } from './equalize.ts';
import { layerSource } from './layer-floats.ts';
import type { NodePlan, Planner } from './plan.ts';
import type { Factors } from './scaled-tensor.ts';
import { notCalibrated } from './values.ts';

/** How a value is divided by its factors. */
export interface Smoothing {
  readonly value: string;
  /** Number of channels, the last axis. */
  readonly channels: number;
  /** 1 / s */
  readonly inverse: Factors;
  /** The LayerNormalization whose scale and bias take the factors; undefined: a Mul is put in. */
  readonly into: Entry | undefined;
  /** Name of the divided value: the value's own where it is folded. */
  readonly smoothed: string;
}

const LAST_AXIS = -1;

export function smooth(p: Planner, alpha: number): void {
  const groups = new Map<string, { readonly entry: Entry; readonly plan: NodePlan }[]>();
  for (const [entry, plan] of p.nodes) {
    const { layer } = plan;
    const isProduct = entry.original.opType === 'MatMul' || entry.original.opType === 'Gemm';
    if (layer === undefined || !isProduct || inAxisOf(entry, layer) === undefined) continue;
    groups.set(layer.activation, [...(groups.get(layer.activation) ?? []), { entry, plan }]);
  }
  for (const [name, layers] of groups) if (canSmooth(p, name)) smoothValue(p, name, layers, alpha);
}

/** What integers give stays as it is: a Mul behind it would keep it from being fused. */
function canSmooth(p: Planner, name: string): boolean {
  const value = p.values.get(name);
  const isFree = value !== undefined && value.like === undefined && value.rescaled === undefined;
  return isFree && p.giver(name) === undefined;
}

function smoothValue(
  p: Planner,
  name: string,
  layers: readonly { readonly entry: Entry; readonly plan: NodePlan }[],
  alpha: number,
): void {
  const { ws, context } = p;
  const sources = layers.flatMap(({ entry, plan: { layer } }) => {
    const axis = layer && inAxisOf(entry, layer);
    return layer === undefined || axis === undefined ? [] : [{ source: layerSource(ws, entry, layer), axis }];
  });
  const [first] = sources;
  const channels = first?.source.tensor.dims[first.axis] ?? 0;
  const factors: Factors = lazy(async (signal) => {
    if (context.calibration === undefined) throw notCalibrated(ws, name);
    const { maxima } = activationMaxima(ws, context.calibration, name, LAST_AXIS);
    const weights = new Float64Array(channels);
    for (const { source, axis } of sources) {
      const found = await weightMaxima(source, axis, signal);
      found.forEach((w, c) => (weights[c] = Math.max(weights[c] ?? 0, w)));
    }
    return maxima.map((x, c) => {
      const w = weights[c] ?? 0;
      return x > 0 && w > 0 ? x ** alpha / w ** (1 - alpha) : 1;
    });
  });
  const inverse: Factors = async (signal) => (await factors(signal)).map((s) => 1 / s);
  const into = foldsInto(
    p,
    name,
    layers.map((l) => l.entry),
  );
  const smoothed = into === undefined ? ws.uniqueName(`${name}_smoothed`) : name;
  const smoothing: Smoothing = { value: name, channels, inverse, into, smoothed };
  const find = rescaledRange(ws, name, LAST_AXIS, inverse);
  p.values.set(smoothed, {
    name: smoothed,
    rangeOf: name,
    rescaled: { axis: LAST_AXIS, find, factors: inverse },
  });
  if (
    into === undefined &&
    !isTakenElsewhere(
      p,
      name,
      layers.map((l) => l.entry),
    )
  )
    p.values.delete(name);
  for (const { entry, plan } of layers) {
    const { layer } = plan;
    const axis = layer && inAxisOf(entry, layer);
    if (layer === undefined || axis === undefined) continue;
    const rescalings = [
      ...layer.rescalings,
      { id: `smooth ${name}`, axis, factors, isOutput: false, needsData: true },
    ];
    const operands = plan.operands.map((o) =>
      o.kind === 'value' && o.name === name ? { ...o, name: smoothed } : o,
    );
    p.nodes.set(entry, { ...plan, operands, layer: { ...layer, activation: smoothed, rescalings } });
    p.smoothings.set(entry, smoothing);
  }
}

/** Whether another planned node takes the value as integers. */
function isTakenElsewhere(p: Planner, name: string, layers: readonly Entry[]): boolean {
  return [...p.nodes].some(
    ([entry, { operands }]) =>
      !layers.includes(entry) && operands.some((o) => o.kind === 'value' && o.name === name),
  );
}

/** The LayerNormalization that gives the value to these layers only, with constant scale and bias. */
function foldsInto(p: Planner, name: string, layers: readonly Entry[]): Entry | undefined {
  const { ws } = p;
  const entry = ws.main.producers.get(name);
  if (entry === undefined || entry.original.opType !== 'LayerNormalization' || entry.nodes.length !== 1) {
    return undefined;
  }
  const [, scale = '', bias = ''] = entry.original.inputs;
  const constants = [scale, bias].filter((n) => n !== '').map((n) => ws.resolve(ws.main, n));
  const isConstant = constants.every(
    (b) => b.kind === 'constant' && !b.isOverridable && b.tensor.dims.length === 1,
  );
  const isOnlyTheirs = ws.uses(ws.main, name).every((use) => layers.includes(use.entry));
  return isConstant && isOnlyTheirs && !ws.isGraphOutput(ws.main, name) ? entry : undefined;
}
