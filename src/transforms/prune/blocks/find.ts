/**
 * The residual blocks of the main graph: a sum of two values of one shape, of which one (the branch) is made of the other
 * (the shortcut), or both of a third. Without the branch the sum is the shortcut. Reads no weight.
 *
 *     const [block] = findBlocks(new Flow(ws));
 *     // { id: 'add1', shortcut: 'x', branch: 'conv2.out', nodes: {conv1, relu, conv2}, blocker: undefined, … }
 */
import { operatorOf, type Node } from '../../../onnx/model.ts';
import type { Blocker } from '../channels/classes.ts';
import type { Flow } from './flow.ts';

export interface Block {
  /** Its own: of the sum; where both of its branches could go, of the last node of the branch, if no other block has it. */
  readonly id: string;
  /** The node that adds the branch. */
  readonly sum: Node;
  readonly shortcut: string;
  /** What the sum adds of the branch: its value, and a bias that was merged into the sum. */
  readonly branch: string;
  readonly bias: string | undefined;
  /** What only the branch needs; without the sum. */
  readonly nodes: ReadonlySet<Node>;
  /** Why it cannot go. */
  readonly blocker: Blocker | undefined;
}

/** Sums of two values: `bias` the input of a constant that is added, too. */
const SUMS: Readonly<Record<string, { readonly bias?: number }>> = {
  Add: {},
  Sum: {},
  'com.microsoft.SkipLayerNormalization': { bias: 4 },
  'com.microsoft.SkipSimplifiedLayerNormalization': { bias: 3 },
};

/** Where they read a constant, they are what a block is worth removing for. */
const LAYERS: ReadonlySet<string> = new Set([
  ...['Conv', 'ConvTranspose', 'Gemm', 'MatMul', 'Einsum', 'LSTM', 'GRU', 'RNN'],
  ...['MatMulInteger', 'ConvInteger', 'QLinearMatMul', 'QLinearConv'],
  ...['Attention', 'QAttention', 'QGemm', 'MatMulNBits', 'DynamicQuantizeMatMul', 'MatMulIntegerToFloat'].map(
    (op) => `com.microsoft.${op}`,
  ),
  ...['FusedConv', 'FusedMatMul', 'FusedGemm', 'MoE', 'QMoE'].map((op) => `com.microsoft.${op}`),
]);

export function isLayer(flow: Flow, node: Node): boolean {
  return LAYERS.has(operatorOf(node)) && node.inputs.some((name) => flow.isConstant(name));
}

export function isNormSum(node: Node): boolean {
  return node.domain === 'com.microsoft';
}

/** Those that can go and those that cannot, in the order in which they run. */
export function findBlocks(flow: Flow): Block[] {
  const found = flow.order.flatMap((sum) => blocksAt(flow, sum));
  const taken = new Set(found.flatMap(([block, other]) => (block && other === undefined ? [block.id] : [])));
  return found.flatMap((blocks) =>
    blocks.length === 1 ? blocks : blocks.flatMap((block) => namedByBranch(flow, block, taken)),
  );
}

/** Two branches of one sum may both end in what names another block: the sum's own id can stand for one of them only. */
function namedByBranch(flow: Flow, block: Block, taken: Set<string>): Block[] {
  const last = flow.maker(block.branch);
  const id = [...(last === undefined ? [] : [flow.idOf(last)]), block.id].find((name) => !taken.has(name));
  if (id === undefined) return [];
  taken.add(id);
  return [{ ...block, id }];
}

/** At most one for each side. */
function blocksAt(flow: Flow, sum: Node): Block[][] {
  const kind = SUMS[operatorOf(sum)];
  const isSum = kind !== undefined && (isNormSum(sum) || sum.inputs.length === 2);
  const [a = '', b = ''] = sum.inputs;
  if (!isSum || a === b || flow.isConstant(a) || flow.isConstant(b)) return [];
  const bias = sum.inputs[kind.bias ?? Infinity] ?? '';
  const sides = [
    { branch: b, shortcut: a },
    { branch: a, shortcut: b },
  ];
  const blocks = sides.flatMap((side) => {
    const block = blockOf(flow, sum, side.branch, side.shortcut);
    return block === undefined ? [] : [{ ...block, bias: bias === '' ? undefined : bias }];
  });
  const able = blocks.filter((x) => x.blocker === undefined);
  // a side that cannot go is worth a word only where the other cannot, either
  return able.length > 0 ? [able] : blocks.length > 0 ? [blocks.slice(0, 1)] : [];
}

function blockOf(flow: Flow, sum: Node, branch: string, shortcut: string): Omit<Block, 'bias'> | undefined {
  const stream = flow.before(shortcut);
  if (stream.has(branch)) return undefined;
  const nodes = flow.unneeded([{ at: sum, values: [branch] }]);
  const { from, shared } = wayBack(flow, branch, stream, nodes);
  const inside = flow.behind(from.has(shortcut) ? new Set([shortcut]) : from);
  const parts = [...nodes, ...shared.filter((n) => inside.has(n))];
  if (from.size === 0 || !parts.some((n) => isLayer(flow, n))) return undefined;
  const shape = shapeBlocker(flow, sum, shortcut);
  if (shape !== undefined && !from.has(shortcut)) return undefined;
  const blocker =
    shape ?? statisticsBlocker(flow, sum) ?? sharedBlocker(flow, { nodes, sum, inside }, shared);
  return { id: flow.idOf(sum), sum, shortcut, branch, nodes, blocker };
}

interface WayBack {
  /** Values of the shortcut's side that the branch begins with. */
  readonly from: ReadonlySet<string>;
  /** Nodes on the way that others need, too; the nearest to the branch's end first. */
  readonly shared: readonly Node[];
}

function wayBack(flow: Flow, branch: string, stream: ReadonlySet<string>, own: ReadonlySet<Node>): WayBack {
  const from = new Set<string>();
  const shared = new Set<Node>();
  const seen = new Set([branch]);
  for (const value of seen) {
    if (flow.isConstant(value)) continue;
    if (stream.has(value)) {
      from.add(value);
      continue;
    }
    const maker = flow.maker(value);
    if (maker === undefined) continue;
    if (!own.has(maker)) shared.add(maker);
    for (const input of flow.dataOf(maker)) seen.add(input);
  }
  return { from, shared: [...shared] };
}

function shapeBlocker(flow: Flow, sum: Node, shortcut: string): Blocker | undefined {
  const [id, output] = [flow.idOf(sum), sum.outputs.find((o) => o !== '') ?? ''];
  const isSame = flow.isSameShape(shortcut, output);
  if (isSame === true) return undefined;
  const reason =
    isSame === false
      ? `${sum.opType} "${id}" gives another shape than "${shortcut}" has`
      : `${sum.opType} "${id}": it is not known whether "${shortcut}" has the shape of the sum`;
  return { node: id, reason };
}

/** Mean and deviation of the sum, which a norm of its own would not give alike. */
function statisticsBlocker(flow: Flow, sum: Node): Blocker | undefined {
  const isUsed = sum.outputs
    .slice(1, 3)
    .some((name) => name !== '' && (flow.outputs.has(name) || flow.readersOf(name).length > 0));
  const id = flow.idOf(sum);
  return isNormSum(sum) && isUsed
    ? { node: id, reason: `${sum.opType} "${id}": its mean or deviation is used` }
    : undefined;
}

/** What stands inside the branch and is needed outside: a layer, or an output of the model. */
function sharedBlocker(
  flow: Flow,
  { nodes, sum, inside }: Pick<Block, 'nodes' | 'sum'> & { readonly inside: ReadonlySet<Node> },
  shared: readonly Node[],
): Blocker | undefined {
  const own = shared.filter((n) => inside.has(n));
  for (const node of own) {
    const output = node.outputs.find((name) => flow.outputs.has(name));
    if (output !== undefined)
      return { node: flow.idOf(node), reason: `graph output "${output}" comes from inside it` };
  }
  const layer = own.find((n) => isLayer(flow, n)) ?? (nodes.size === 0 ? own[0] : undefined);
  if (layer === undefined) return undefined;
  const isInside = (n: Node): boolean => n === sum || nodes.has(n) || own.includes(n);
  const user = own
    .flatMap((n) => n.outputs)
    .flatMap((name) => flow.readersOf(name))
    .find((n) => !isInside(n));
  const id = flow.idOf(user ?? layer);
  return { node: id, reason: `${(user ?? layer).opType} "${id}" uses what is inside it` };
}
