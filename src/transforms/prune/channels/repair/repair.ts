/**
 * Makes up for channels that go, in the weights and biases of layers behind them. What is to be asked of the models is
 * known from the plan; the new values are found one layer after another, before the model is saved (`stage.ts`).
 */
import type { CalibrationTarget } from '../../../../analysis/index.ts';
import { attributeInt, type Node, type TensorRef } from '../../../../onnx/model.ts';
import { normLayer, weightLayer, type WeightLayer } from './layer.ts';
import { LayerRepair, NormRepair, type RepairContext } from './new-values.ts';
import { isTracked } from '../axis.ts';
import { compareRounds, Rounds, type AroundBody } from './rounds.ts';
import type { RepairStage } from './stage.ts';

/** A constant once it is without the channels that go, as repair leaves it. */
export type Repaired = (bare: TensorRef) => TensorRef;

export interface NewBias {
  readonly node: Node;
  /** Its value gets one number per channel added. */
  readonly output: string;
  /** Made of the one with zeros. */
  readonly repaired: Repaired;
  readonly size: number;
}

export interface Repairs {
  /** By name of the constant. */
  readonly tensors: ReadonlyMap<string, Repaired>;
  /** Of layers without a constant bias. */
  readonly biases: readonly NewBias[];
  readonly needs: readonly CalibrationTarget[];
  /** In the order of their rounds. */
  readonly stages: readonly RepairStage[];
  /** Layers that read channels that go and are left as they are, and why. */
  readonly left: readonly { readonly node: Node; readonly reason: string }[];
  /** For the repairs in bodies of the node; undefined where nothing is repaired. */
  readonly aroundBodies?: ((node: Node) => AroundBody) | undefined;
}

interface Context extends Omit<RepairContext, 'users'> {
  /** Of a body: what the plan of the graph around it says. */
  readonly around: AroundBody | undefined;
  /** Whether layers in bodies of the node are to lose channels. */
  readonly isPrunedInside: (node: Node) => boolean;
}

export function repairs(context: Context): Repairs {
  const { trace, plan, repair } = context;
  const made: Making = { tensors: new Map(), biases: [], needs: [], stages: [], left: [] };
  if (repair === 'none') return made;
  const users = usersOf(trace.inference.main.order);
  const rounds = new Rounds(trace, users, context.around);
  const reading = new Set(trace.readers.filter((r) => plan.isTouched(r.atoms)).map((r) => r.node));
  for (const node of trace.inference.main.order) {
    const groups = touchedGroups(context, node);
    const isReading = reading.has(node) || groups === 'smaller';
    const isNext = rounds.isChanged(node) && (repair === 'statistics' || groups === 'fewer');
    const make = repair === 'statistics' ? restated : fitted;
    const repaired = isReading || isNext ? make({ ...context, users }, node, isReading, made) : undefined;
    const turn = rounds.visit(node, isReading || context.isPrunedInside(node), repaired?.output);
    if (turn !== undefined && repaired !== undefined) made.stages.push(repaired.stage(turn));
  }
  made.stages.sort((a, b) => compareRounds(a.round, b.round));
  return { ...made, aroundBodies: (node) => rounds.aroundBodies(node) };
}

/**
 * Of a Conv whose input loses channels. A depthwise one loses what it made of them, and nothing else; but what it still
 * reads may be no more what it was, and it can make up for that before the function behind it, which no later layer can:
 * a channel's few weights and its bias. Others with groups read channels that go, in each group.
 */
function touchedGroups(
  { trace, plan, tensor }: Pick<Context, 'trace' | 'plan' | 'tensor'>,
  node: Node,
): 'fewer' | 'smaller' | undefined {
  if (node.opType !== 'Conv' || attributeInt(node, 'group', 1) === 1) return undefined;
  const [x = '', weight = ''] = node.inputs;
  const channels = trace.valueAxes.get(x)?.[1];
  if (!isTracked(channels) || !plan.isTouched(channels.atoms)) return undefined;
  return tensor(weight)?.dims[1] === 1 ? 'fewer' : 'smaller';
}

interface Making extends Repairs {
  readonly tensors: Map<string, Repaired>;
  readonly biases: NewBias[];
  readonly needs: CalibrationTarget[];
  readonly stages: RepairStage[];
  readonly left: { node: Node; reason: string }[];
}

function usersOf(nodes: readonly Node[]): RepairContext['users'] {
  const users = new Map<string, Node[]>();
  for (const node of nodes)
    for (const name of new Set(node.inputs)) users.set(name, [...(users.get(name) ?? []), node]);
  return (value) => users.get(value) ?? [];
}

function fitted(
  context: RepairContext,
  node: Node,
  isReading: boolean,
  made: Making,
): LayerRepair | undefined {
  const layer = layerOf(context, node, made, isReading);
  const way = context.repair === 'least-squares' ? context.repair : 'bias';
  return layer === undefined ? undefined : repairLayer(new LayerRepair(context, layer, way), made);
}

/** A BatchNormalization's statistics; where none follows, scale and bias of each channel have its part. */
function restated(
  context: RepairContext,
  node: Node,
  isReading: boolean,
  made: Making,
): LayerRepair | NormRepair | undefined {
  const norm = normLayer(context, node);
  if (norm !== undefined) {
    const repair = new NormRepair(context, norm);
    made.tensors.set(norm.mean, (bare) => repair.tensor('mean', bare));
    made.tensors.set(norm.variance, (bare) => repair.tensor('variance', bare));
    return repair;
  }
  const users = context.users(node.outputs[0] ?? '');
  if (users.length === 1 && users.some((n) => normLayer(context, n) !== undefined)) return undefined;
  const layer = layerOf(context, node, made, isReading);
  return layer === undefined ? undefined : repairLayer(new LayerRepair(context, layer, 'scale'), made);
}

function layerOf(
  context: RepairContext,
  node: Node,
  { left }: Making,
  isReading: boolean,
): WeightLayer | undefined {
  const layer = weightLayer(context, node);
  if (layer === undefined) return undefined;
  const isKnown = typeof layer !== 'string' && context.isOriginal(layer.output);
  if (isKnown) return layer;
  const reason = typeof layer === 'string' ? layer : 'an earlier edit changed its output channels';
  if (isReading) left.push({ node, reason });
  return undefined;
}

function repairLayer(repair: LayerRepair, made: Making): LayerRepair {
  const { layer } = repair;
  const toBias: Repaired = (bare) => repair.tensor('bias', bare);
  made.tensors.set(layer.name, (bare) => repair.tensor('weight', bare));
  if (layer.bias !== undefined) made.tensors.set(layer.bias, toBias);
  else {
    const { node, output } = layer;
    made.biases.push({ node, output, repaired: toBias, size: repair.channels });
  }
  made.needs.push(...repair.needs);
  return repair;
}
