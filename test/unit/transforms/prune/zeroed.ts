/**
 * The exact test of channel pruning: a model without some channels must give what the original gives with the same
 * channels zeroed, in every weight that has them.
 */
import * as ort from 'onnxruntime-node';
import { modelStream, readTensor } from '../../../../src/onnx/index.ts';
import type { Model, Node, TensorRef } from '../../../../src/onnx/model.ts';
import { isTracked } from '../../../../src/transforms/prune/channels/axis.ts';
import { traceModel, type Traced } from '../../../../src/transforms/prune/channels/edit-plan.ts';
import { unitsKept, type ChannelGroup } from '../../../../src/transforms/prune/channels/groups.ts';
import { selectionBy } from '../../../../src/transforms/prune/channels/importance.ts';
import { ChannelPlan } from '../../../../src/transforms/prune/channels/plan.ts';
import { elementBytes } from '../../../../src/transforms/prune/channels/select-tensor.ts';
import { applyRecipe, type AppliedRecipe, type PruneChannelsEdit } from '../../../../src/transforms/index.ts';
import { collect } from '../../../support/model-builder.ts';
import { recipe } from '../edits.ts';

export type Feeds = Readonly<Record<string, ort.Tensor>>;

export function channels(options: Partial<PruneChannelsEdit> = {}): PruneChannelsEdit {
  return { type: 'prune-channels', layers: { all: true }, importance: 'l1', ratio: 0.5, seed: 1, ...options };
}

export interface Comparison {
  readonly applied: AppliedRecipe;
  /** Largest difference of any output element, against the largest magnitude of that output. */
  readonly difference: number;
  /** How far the zeroed model is from the original, likewise: the test sees something. */
  readonly effect: number;
  readonly shapes: readonly (readonly number[])[];
  readonly groups: readonly ChannelGroup[];
}

export async function compare(model: Model, edit: PruneChannelsEdit, feeds: Feeds): Promise<Comparison> {
  const applied = applyRecipe(model, recipe(edit));
  const { own, plan, groups } = planOf(model, edit);
  const zeroed = await withZeros(own, plan);
  const [before, want, got] = [
    await run(model, feeds),
    await run(zeroed, feeds),
    await run(applied.model, feeds),
  ];
  const shapes = Object.values(got).map((t) => t.dims);
  for (const [name, tensor] of Object.entries(before)) {
    const dims = got[name]?.dims;
    if (dims?.join() !== tensor.dims.join()) throw new Error(`output ${name}: [${dims?.join() ?? ''}]`);
  }
  return { applied, difference: furthest(want, got), effect: furthest(want, before), shapes, groups };
}

interface Planned {
  /** The model, every layer with biases of its own. */
  readonly own: Model;
  readonly plan: ChannelPlan;
  readonly groups: ChannelGroup[];
}

/** What the edit plans, worked out apart from it. */
function planOf(model: Model, edit: PruneChannelsEdit): Planned {
  return planFor(traceModel(model), edit);
}

export function planFor({ unshared, trace, grouping }: Traced, edit: PruneChannelsEdit): Planned {
  const own = unshared.model;
  const isSelected = (node: Node): boolean =>
    'all' in edit.layers || ('nodes' in edit.layers && edit.layers.nodes.includes(trace.ids.get(node) ?? ''));
  const isAllowed = ({ blocker, approximation }: ChannelGroup): boolean =>
    blocker === undefined && (approximation === undefined || edit.approximate === true);
  const groups = grouping.groups.filter((g) => isAllowed(g) && g.makers.some(isSelected));
  const ratioOf = ({ makers: [maker] }: ChannelGroup): number =>
    edit.ratios?.[(maker && trace.ids.get(maker)) ?? ''] ?? edit.ratio;
  const keep = new Map(groups.map((g) => [g, unitsKept(g.units.length, ratioOf(g))]));
  const select = selectionBy({
    model: own,
    trace,
    grouping,
    tensor: (name) => constants(own).get(name),
    importance: edit.importance,
    seed: edit.seed,
    calibration: undefined,
  });
  return { own, plan: new ChannelPlan(trace, grouping, keep, select), groups };
}

function constants({ graph }: Model): ReadonlyMap<string, TensorRef> {
  const found = new Map(graph.initializers);
  for (const { opType, outputs, attributes } of graph.nodes) {
    const value = attributes.get('value');
    if (opType === 'Constant' && value?.kind === 'tensor') found.set(outputs[0] ?? '', value.value);
  }
  return found;
}

/** Constants of the model with the channels that the plan removes, zeroed, by name. */
export async function zeroedTensors(
  model: Model,
  plan: ChannelPlan,
): Promise<ReadonlyMap<string, TensorRef>> {
  const { graph } = model;
  const divisors = new Set(graph.nodes.flatMap((n) => (n.opType === 'Div' ? n.inputs.slice(1) : [])));
  const changed = new Map<string, TensorRef>();
  for (const [name, tensor] of constants(model)) {
    const axes = plan.trace.valueAxes.get(name) ?? [];
    if (divisors.has(name) || !plan.trace.constants.has(name)) continue;
    const bytes = Uint8Array.from(await readTensor(model, tensor));
    let isChanged = false;
    for (const [axis, own] of axes.entries()) {
      if (!isTracked(own) || !plan.isTouched(own.atoms)) continue;
      const kept = new Set(await plan.kept(own.atoms));
      const unit = elementBytes(tensor.dataType)! * tensor.dims.slice(axis + 1).reduce((n, d) => n * d, 1);
      const { groups = 1 } = own;
      const size = own.atoms.length / groups;
      // of a grouped Conv's weight [outputs, size, …]: each group's outputs read channels of their own
      const outputsOfGroup = (tensor.dims[0] ?? 1) / groups;
      for (let i = 0; i * unit < bytes.length; i++) {
        const group = groups === 1 ? 0 : Math.floor(i / size / outputsOfGroup);
        if (!kept.has(group * size + (i % size))) bytes.fill(0, i * unit, (i + 1) * unit);
      }
      isChanged = true;
    }
    if (isChanged)
      changed.set(name, {
        ...tensor,
        location: { kind: 'inline', bytes },
        smallData: undefined,
        range: undefined,
      });
  }
  return changed;
}

async function withZeros(model: Model, plan: ChannelPlan): Promise<Model> {
  const { graph } = model;
  const changed = await zeroedTensors(model, plan);
  const initializers = new Map([...graph.initializers].map(([name, t]) => [name, changed.get(name) ?? t]));
  const nodes = graph.nodes.map((n) => {
    const value = n.opType === 'Constant' ? changed.get(n.outputs[0] ?? '') : undefined;
    if (value === undefined) return n;
    const attributes = new Map(n.attributes).set('value', { name: 'value', kind: 'tensor', value });
    return { ...n, attributes, range: undefined };
  });
  return { ...model, graph: { ...graph, initializers, nodes, range: undefined }, range: undefined };
}

export async function run(model: Model, feeds: Feeds): Promise<ort.InferenceSession.OnnxValueMapType> {
  const bytes = await collect(modelStream(model));
  const session = await ort.InferenceSession.create(bytes, {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 3,
    intraOpNumThreads: 1,
  });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

export function furthest(
  a: ort.InferenceSession.OnnxValueMapType,
  b: ort.InferenceSession.OnnxValueMapType,
): number {
  let worst = 0;
  for (const [name, tensor] of Object.entries(a)) {
    const [x, y] = [tensor.data as Float32Array, b[name]?.data as Float32Array];
    let [scale, difference] = [1e-6, 0];
    x.forEach((v, i) => {
      if (Number.isNaN(v) !== Number.isNaN(y[i])) difference = Infinity;
      if (Number.isNaN(v)) return;
      scale = Math.max(scale, Math.abs(v));
      difference = Math.max(difference, Math.abs(v - (y[i] ?? Infinity)));
    });
    worst = Math.max(worst, difference / scale);
  }
  return worst;
}

/** Dark strokes on white: what a text detector answers to. */
export function strokes(
  name: string,
  [n, channels, height, width]: readonly [number, number, number, number],
): Feeds {
  const values = new Float32Array(n * channels * height * width).fill(2);
  for (let plane = 0; plane < n * channels; plane++) {
    for (let y = height / 2 - 8; y < height / 2 + 8; y++) {
      for (let x = 12; x < width - 12; x++) {
        if (x % 9 < 4 || y % 7 === 0) values[(plane * height + y) * width + x] = -2;
      }
    }
  }
  return { [name]: new ort.Tensor('float32', values, [n, channels, height, width]) };
}

/** Float inputs of these shapes: waves with noise, in the range that normalized images have. */
export function feeds(shapes: Readonly<Record<string, readonly number[]>>): Feeds {
  let seed = 7;
  const noise = (): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) / 2 ** 24 - 0.5;
  };
  return Object.fromEntries(
    Object.entries(shapes).map(([name, dims]) => {
      const count = dims.reduce((n, d) => n * d, 1);
      const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.21) + 2 * noise());
      return [name, new ort.Tensor('float32', values, dims)];
    }),
  );
}
