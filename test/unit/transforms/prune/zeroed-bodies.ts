/** What a model with bodies is to equal once channels are gone from all of its graphs. */
import assert from 'node:assert/strict';
import type { Graph, Model, Node, TensorRef } from '../../../../src/onnx/model.ts';
import { Workspace } from '../../../../src/transforms/graph/workspace.ts';
import { traceWorkspace } from '../../../../src/transforms/prune/channels/edit-plan.ts';
import type { PruneChannelsEdit } from '../../../../src/transforms/recipe/prune-channels.ts';
import { planFor, zeroedTensors } from './zeroed.ts';

/** The same channels zeroed in every body; names are unique throughout these models. */
export async function zeroedBodies(model: Model, edit: PruneChannelsEdit): Promise<Model> {
  const ws = new Workspace(model);
  const changed = new Map<string, TensorRef>();
  for (const scope of ws.scopes) {
    const { plan, own } = planFor(traceWorkspace(ws, scope), edit);
    for (const [name, tensor] of await zeroedTensors(own, plan)) {
      assert.ok(!changed.has(name), name);
      changed.set(name, tensor);
    }
  }
  const inGraph = (g: Graph): Graph => ({
    ...g,
    initializers: new Map([...g.initializers].map(([name, t]) => [name, changed.get(name) ?? t])),
    nodes: g.nodes.map(inNode),
    range: undefined,
  });
  const inNode = (n: Node): Node => {
    const tensor = n.opType === 'Constant' ? changed.get(n.outputs[0] ?? '') : undefined;
    const attributes = new Map(n.attributes);
    for (const [name, a] of attributes) {
      if (a.kind === 'graph') attributes.set(name, { ...a, value: inGraph(a.value), range: undefined });
      if (a.kind === 'tensor' && tensor !== undefined)
        attributes.set(name, { ...a, value: tensor, range: undefined });
    }
    return { ...n, attributes, range: undefined };
  };
  return { ...model, graph: inGraph(model.graph), range: undefined };
}
