/**
 * The residual blocks of a model, to be chosen from: what each weighs, how much its last weights can move, and what
 * stands in the way.
 *
 *     const [block] = residualBlocks(model);
 *     // { id: 'add1', sum: 'add1', layers: ['conv1', 'conv2'], bytes: 73984, macs: …, blocker: undefined }
 *     const strength = await blockStrengths(model); // Map { 'add1' → 0.7, 'add2' → 1.3 }
 */
import { elementCount, tensorByteLength } from '../../../onnx/index.ts';
import { attributeInt, DataType, type Model, type Node, type TensorRef } from '../../../onnx/model.ts';
import { Workspace } from '../../graph/workspace.ts';
import { elementChunks, notFinite, type WeightSource } from '../../weights/stream.ts';
import type { Blocker } from '../channels/classes.ts';
import { decodeFloats } from '../channels/floats.ts';
import { elementBytes } from '../channels/select-tensor.ts';
import { findBlocks, isLayer, type Block } from './find.ts';
import { Flow } from './flow.ts';

export interface ResidualBlock {
  /** By which an edit names it: the node that adds it, or the last of its nodes where either branch could go. */
  readonly id: string;
  /** The node that adds it. */
  readonly sum: string;
  /** Ids of its nodes that have weights, in the order in which they run. */
  readonly layers: readonly string[];
  /** All of its nodes, likewise; without the sum. */
  readonly nodes: readonly string[];
  /** Of constants that nothing else uses. */
  readonly bytes: number;
  /** Why it cannot go; undefined where it can. */
  readonly blocker: Blocker | undefined;
}

/** In the order in which they run. Reads no weight. */
export function residualBlocks(model: Model): ResidualBlock[] {
  const ws = new Workspace(model);
  const flow = new Flow(ws);
  return findBlocks(flow).map((block) => {
    const { id, blocker } = block;
    const gone = flow.unneeded([{ at: block.sum, values: [block.branch] }]);
    const own = flow.order.filter((n) => gone.has(n));
    const names = new Set(own.flatMap((n) => flow.readsOf(n)));
    const bytes = [...names].reduce((sum, name) => {
      const binding = ws.resolve(ws.main, name);
      const isOwn = binding.kind === 'constant' && flow.readersOf(name).every((n) => gone.has(n));
      return isOwn && binding.name === name ? sum + tensorByteLength(binding.tensor) : sum;
    }, 0);
    const layers = own.filter((n) => isLayer(flow, n)).map((n) => flow.idOf(n));
    const sum = flow.idOf(block.sum);
    return { id, sum, layers, nodes: own.map((n) => flow.idOf(n)), bytes, blocker };
  });
}

/**
 * Ids of the `count` blocks that matter least, the least first, and can go together: not both branches of one sum, none inside another.
 * Blocks without a score come last. Fewer where there are not so many.
 */
export function leastBlocks(
  blocks: readonly ResidualBlock[],
  scores: ReadonlyMap<string, number>,
  count: number,
): string[] {
  const able = blocks.filter((b) => b.blocker === undefined);
  const score = ({ id }: ResidualBlock): number => scores.get(id) ?? Infinity;
  const ranked = [...able].sort((a, b) => (score(a) === score(b) ? 0 : score(a) - score(b)));
  const chosen: ResidualBlock[] = [];
  for (const block of ranked) {
    const isApart = (other: ResidualBlock): boolean =>
      other.sum !== block.sum && !other.nodes.includes(block.sum) && !block.nodes.includes(other.sum);
    if (chosen.length < count && chosen.every(isApart)) chosen.push(block);
  }
  return chosen.map((b) => b.id);
}

/** Norms whose scale says how large their output is: input 1. */
const NORMS: ReadonlySet<string> = new Set([
  ...['BatchNormalization', 'LayerNormalization', 'InstanceNormalization', 'GroupNormalization'],
  ...['RMSNormalization', 'SimplifiedLayerNormalization'],
]);

/**
 * By id, for each block that can go: the norm of the weights that end its branch, per output, as a share of the mean of
 * all blocks; where a norm ends it, of that norm's scale. Left out where they are no floats.
 * @throws OnnxError where a weight cannot be read or holds NaN or an infinity
 */
export async function blockStrengths(
  model: Model,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const ws = new Workspace(model);
  const flow = new Flow(ws);
  const found = new Map<string, number>();
  for (const block of findBlocks(flow)) {
    if (block.blocker !== undefined) continue;
    let [sum, isKnown] = [0, false];
    for (const { node, input, outputs } of lastWeights(flow, block)) {
      const binding = ws.resolve(ws.main, node.inputs[input] ?? '');
      if (binding.kind !== 'constant' || !FLOATS.has(binding.tensor.dataType)) continue;
      const { tensor, name } = binding;
      const source = { model, tensor, name, node: flow.idOf(node) };
      sum += (await sumOfSquares(source, signal)) / outputs(tensor);
      isKnown = true;
    }
    if (isKnown) found.set(block.id, Math.sqrt(sum));
  }
  const mean = [...found.values()].reduce((a, b) => a + b, 0) / found.size;
  return new Map([...found].map(([id, v]) => [id, mean === 0 ? 0 : v / mean]));
}

const FLOATS: ReadonlySet<number> = new Set([
  ...[DataType.float, DataType.float16, DataType.bfloat16, DataType.double],
]);

interface LastWeight {
  readonly node: Node;
  readonly input: number;
  /** Outputs of the layer, each with a norm of its own. */
  readonly outputs: (weight: TensorRef) => number;
}

/** The first weights on each way back from the branch's end. */
function lastWeights(flow: Flow, { branch, nodes }: Block): LastWeight[] {
  const found: LastWeight[] = [];
  const seen = new Set([branch]);
  for (const value of seen) {
    const node = flow.maker(value);
    if (node === undefined || !nodes.has(node)) continue;
    const isNorm = NORMS.has(node.opType) && flow.isConstant(node.inputs[1] ?? '');
    const input = node.inputs.findIndex((name) => flow.isConstant(name));
    if (isNorm) found.push({ node, input: 1, outputs: (t) => elementCount(t.dims) });
    else if (isLayer(flow, node)) found.push({ node, input, outputs: (t) => outputsOf(node, t) });
    else for (const name of flow.dataOf(node)) seen.add(name);
  }
  return found;
}

function outputsOf(node: Node, { dims }: TensorRef): number {
  if (node.opType === 'Conv' || node.opType === 'FusedConv') return dims[0] ?? 1;
  if (node.opType === 'ConvTranspose') return (dims[1] ?? 1) * attributeInt(node, 'group', 1);
  const isTransposed = attributeInt(node, 'transB', 0) !== 0;
  return (isTransposed ? dims[0] : dims.at(-1)) ?? 1;
}

async function sumOfSquares(source: WeightSource, signal: AbortSignal | undefined): Promise<number> {
  const { dataType } = source.tensor;
  let sum = 0;
  for await (const { bytes } of elementChunks(source, elementBytes(dataType) ?? 1, signal))
    for (const v of decodeFloats(bytes, dataType)) sum += v * v;
  if (!Number.isFinite(sum)) throw notFinite(source, 0);
  return sum;
}
