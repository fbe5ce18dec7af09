/** What becomes of the graph without the blocks of one edit: nodes that go, sums that become their shortcuts. */
import { DataType, type Node, type TensorRef } from '../../../onnx/model.ts';
import { tensorByteLength } from '../../../onnx/index.ts';
import type { StepContext } from '../../context.ts';
import { intAttribute, makeNode } from '../../graph/nodes.ts';
import { blocksOpset } from '../../graph/opset.ts';
import type { Entry, Workspace } from '../../graph/workspace.ts';
import { layerMatcher } from '../../layer-matcher.ts';
import type { PruneBlocksEdit } from '../../recipe/recipe.ts';
import type { Blocked } from '../../weights/find.ts';
import { findBlocks, isNormSum, type Block } from './find.ts';
import { Flow } from './flow.ts';

export interface BlocksPlan {
  readonly flow: Flow;
  /** By entry that was asked for: its block, or why that stays. */
  readonly outcomes: ReadonlyMap<Entry, Block | Blocked>;
  /** The blocks that go; those inside another one go with it. */
  readonly blocks: readonly Block[];
  readonly gone: ReadonlySet<Node>;
  /** By node: what takes its place. */
  readonly replaced: ReadonlyMap<Node, readonly Node[]>;
  /** By value that is gone: the one that takes its place. */
  readonly renamed: ReadonlyMap<string, string>;
}

const STANDARD_NORM_OPSET = 17;

export function blocksPlan(context: StepContext, edit: PruneBlocksEdit): BlocksPlan {
  const key = `prune-blocks\0${context.edit}`;
  const known = context.made.get(key) as
    { readonly of: PruneBlocksEdit; readonly plan: BlocksPlan } | undefined;
  if (known?.of === edit) return known.plan;
  const plan = makePlan(context.ws, edit);
  context.made.set(key, { of: edit, plan });
  return plan;
}

/** The entries that name a block, whether it can go or not. */
export function blockEntries(ws: Workspace): ReadonlySet<Entry> {
  return new Set(findBlocks(new Flow(ws)).flatMap((b) => ws.entry(b.id) ?? []));
}

function makePlan(ws: Workspace, edit: PruneBlocksEdit): BlocksPlan {
  const flow = new Flow(ws);
  const found = findBlocks(flow);
  const matches = layerMatcher(edit.layers);
  const outcomes = new Map<Entry, Block | Blocked>();
  const taken = new Map<Node, Block>();
  for (const block of found.filter((b) => matches(b.id))) {
    const entry = ws.entry(block.id);
    if (entry === undefined) continue;
    const other = taken.get(block.sum);
    const reason =
      block.blocker?.reason ??
      (other === undefined
        ? opsetBlocker(ws, block)
        : `the other branch of ${block.sum.opType} "${flow.idOf(block.sum)}" goes already`);
    outcomes.set(entry, reason === undefined ? block : { reason });
    if (reason === undefined) taken.set(block.sum, block);
  }
  for (const entry of ws.main.entries) {
    if (!outcomes.has(entry) && matches(entry.id))
      outcomes.set(entry, { reason: whyNone(flow, found, entry) });
  }
  const wanted = [...taken.values()];
  const blocks = wanted.filter((b) => !wanted.some((outer) => outer !== b && outer.nodes.has(b.sum)));
  const cuts = blocks.map((b) => ({
    at: b.sum,
    values: b.bias === undefined ? [b.branch] : [b.branch, b.bias],
  }));
  const gone = flow.unneeded(cuts);
  return { flow, outcomes, blocks, gone, ...rewritten(ws, flow, blocks) };
}

function whyNone(flow: Flow, found: readonly Block[], { id }: Entry): string {
  const branches = found.filter((b) => flow.idOf(b.sum) === id).map((b) => `"${b.id}"`);
  return branches.length > 1
    ? `either of its branches could go: name ${branches.join(' / ')} instead`
    : 'it ends no residual block';
}

function opsetBlocker(ws: Workspace, { sum }: Block): string | undefined {
  return sum.opType === 'SkipLayerNormalization' ? blocksOpset(ws, STANDARD_NORM_OPSET) : undefined;
}

function rewritten(
  ws: Workspace,
  flow: Flow,
  blocks: readonly Block[],
): Pick<BlocksPlan, 'replaced' | 'renamed'> {
  const renamed = new Map<string, string>();
  const replaced = new Map<Node, readonly Node[]>();
  const later = (name: string): string => {
    const next = renamed.get(name);
    return next === undefined ? name : later(next);
  };
  for (const block of blocks) {
    const { sum, shortcut } = block;
    const [output = '', , , total = ''] = sum.outputs;
    const value = isNormSum(sum) ? total : output;
    const nodes = isNormSum(sum) ? [normOf(sum, shortcut)] : [];
    const isRead = value !== '' && (flow.outputs.has(value) || flow.readersOf(value).length > 0);
    if (isRead && canBeRenamed(ws, flow, value)) renamed.set(value, shortcut);
    else if (isRead) nodes.push(makeNode('Identity', [shortcut], [value], sum.name));
    replaced.set(sum, nodes);
  }
  return { replaced, renamed: new Map([...renamed.keys()].map((name) => [name, later(name)])) };
}

/** Not where it is seen by its name: from outside, by a body, or by a node that several entries share. */
function canBeRenamed(ws: Workspace, flow: Flow, value: string): boolean {
  return (
    !flow.outputs.has(value) &&
    !ws.main.shared.has(value) &&
    flow.readersOf(value).every((n) => n.inputs.includes(value) && flow.entryOf.has(n) && !hasBodies(n))
  );
}

function hasBodies(node: Node): boolean {
  return [...node.attributes.values()].some((a) => a.kind === 'graph' || a.kind === 'graphs');
}

/** The norm alone, of the shortcut. */
function normOf(sum: Node, shortcut: string): Node {
  const isSimple = sum.opType === 'SkipSimplifiedLayerNormalization';
  const [, , scale = '', bias = ''] = sum.inputs;
  const parts = isSimple || bias === '' ? [scale] : [scale, bias];
  const epsilon = sum.attributes.get('epsilon') ?? { name: 'epsilon', kind: 'float', value: 1e-12 };
  const opType = isSimple ? 'SimplifiedLayerNormalization' : 'LayerNormalization';
  const attributes = [epsilon, intAttribute('axis', -1)];
  return makeNode(opType, [shortcut, ...parts], sum.outputs.slice(0, 1), sum.name, attributes);
}

export function applyBlocks(ws: Workspace, plan: BlocksPlan): void {
  const { flow, gone, replaced, renamed, blocks } = plan;
  const [now, before] = [new Set<Node>(gone), new Set<string>()];
  for (const node of [...gone, ...replaced.keys()]) for (const name of flow.readsOf(node)) before.add(name);
  const moved = (node: Node): Node =>
    node.inputs.some((name) => renamed.has(name))
      ? { ...node, inputs: node.inputs.map((name) => renamed.get(name) ?? name), range: undefined }
      : node;
  for (const entry of ws.main.entries) {
    const nodes = entry.nodes.flatMap((n) => (now.has(n) ? [] : (replaced.get(n) ?? [n]))).map(moved);
    const isSame = nodes.length === entry.nodes.length && nodes.every((n, i) => n === entry.nodes[i]);
    if (!isSame) ws.replace(entry, nodes);
  }
  for (const [value, { node, users }] of ws.main.shared) {
    for (const user of users) if (user.nodes.length === 0) users.delete(user);
    if (now.has(node)) ws.main.shared.delete(value);
  }
  for (const node of gone) for (const name of node.outputs) ws.main.removed.add(name);
  for (const name of renamed.keys()) ws.main.removed.add(name);
  for (const name of before) if (isFinal(ws, name)) ws.dropIfUnused(ws.main, name);
  if (blocks.some((b) => b.sum.opType === 'SkipLayerNormalization')) ws.requireOpset(STANDARD_NORM_OPSET);
}

/** Not an input of the model with a value of its own: without that, callers would have to give one. */
function isFinal(ws: Workspace, name: string): boolean {
  const binding = ws.resolve(ws.main, name);
  return binding.kind === 'constant' && !binding.isOverridable;
}

/** Stored bytes of the weights that the entry's nodes read: before, and those of them that stay. */
export function entryBytes(
  ws: Workspace,
  { flow, gone, replaced }: BlocksPlan,
  entry: Entry,
): { readonly beforeBytes: number; readonly afterBytes: number } {
  const constants = new Map<string, TensorRef>();
  for (const name of entry.nodes.flatMap((n) => n.inputs)) {
    const binding = name === '' ? undefined : ws.resolve(entry.scope, name);
    if (binding?.kind === 'constant' && isWeight(binding.tensor)) constants.set(binding.name, binding.tensor);
  }
  const isKept = (name: string): boolean =>
    flow.readersOf(name).some((n) => {
      const next = replaced.get(n);
      return next === undefined ? !gone.has(n) : next.some((x) => x.inputs.includes(name));
    });
  let [beforeBytes, afterBytes] = [0, 0];
  for (const [name, tensor] of constants) {
    const bytes = tensorByteLength(tensor);
    beforeBytes += bytes;
    if (isKept(name)) afterBytes += bytes;
  }
  return { beforeBytes, afterBytes };
}

/** No shape, and no single number. */
function isWeight({ dataType, dims }: TensorRef): boolean {
  return dataType !== DataType.int64 && dims.length > 0;
}
