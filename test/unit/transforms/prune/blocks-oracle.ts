/** The exact test of removed blocks: the original, in which what each of their branches gives is multiplied by zero. */
import { openModel } from '../../../../src/onnx/index.ts';
import type { Model } from '../../../../src/onnx/model.ts';
import { Workspace } from '../../../../src/transforms/graph/workspace.ts';
import { findBlocks, type Block } from '../../../../src/transforms/prune/blocks/find.ts';
import { Flow } from '../../../../src/transforms/prune/blocks/flow.ts';
import { applyRecipe, type AppliedRecipe, type PruneBlocksEdit } from '../../../../src/transforms/index.ts';
import { floats, node } from '../../../support/model-builder.ts';
import { recipe } from '../edits.ts';
import { furthest, run, type Feeds } from './zeroed.ts';

export function blocks(...nodes: readonly string[]): PruneBlocksEdit {
  return { type: 'prune-blocks', layers: nodes.length === 0 ? { all: true } : { nodes } };
}

export function blocksOf(model: Model): Block[] {
  return findBlocks(new Flow(new Workspace(model)));
}

/** Branches, and the biases that are merged into their sums, times zero. */
export function withoutBranches(model: Model, gone: readonly Block[]): Model {
  const { graph } = model;
  const zeroed = (name: string): string => `${name}_times_zero`;
  const nodes = graph.nodes.flatMap((n) => {
    const own = gone.filter((b) => b.sum.outputs.join() === n.outputs.join());
    if (own.length === 0) return [n];
    const values = own.flatMap((b) => (b.bias === undefined ? [b.branch] : [b.branch, b.bias]));
    const inputs = n.inputs.map((name) => (values.includes(name) ? zeroed(name) : name));
    return [
      ...values.map((name) => node('Mul', [name, 'times_zero'], [zeroed(name)], { name: zeroed(name) })),
      { ...n, inputs, range: undefined },
    ];
  });
  const initializers = new Map(graph.initializers).set('times_zero', floats('times_zero', [], [0]));
  return { ...model, graph: { ...graph, nodes, initializers, range: undefined }, range: undefined };
}

export interface BlockComparison {
  readonly applied: AppliedRecipe;
  readonly difference: number;
  readonly effect: number;
}

/** @param ids blocks that go, each of which must be able to */
export async function compareBlocks(
  model: Model,
  ids: readonly string[],
  feeds: Feeds,
): Promise<BlockComparison> {
  const applied = applyRecipe(model, recipe(blocks(...ids)));
  for (const id of ids) {
    const change = applied.changes.find((c) => c.node === id);
    if (change?.status !== 'applied') throw new Error(`${id}: ${change?.reason}`);
  }
  const gone = blocksOf(model).filter((b) => ids.includes(b.id));
  const [before, want, got] = [
    await run(model, feeds),
    await run(withoutBranches(model, gone), feeds),
    await run(applied.model, feeds),
  ];
  for (const [name, { dims }] of Object.entries(before))
    if (got[name]?.dims.join() !== dims.join()) throw new Error(`output ${name}: ${got[name]?.dims.join()}`);
  return { applied, difference: furthest(want, got), effect: furthest(want, before) };
}

export async function withFile<T>(file: string, use: (model: Model) => Promise<T>): Promise<T> {
  const model = await openModel(file);
  try {
    return await use(model);
  } finally {
    await model.source.close();
  }
}
