/** Who gives and takes a value of the main graph, as the nodes stand now, and other names for it. */
import type { Node } from '../../onnx/model.ts';
import type { Entry, Scope, SharedNode, Workspace } from '../graph/workspace.ts';

export interface Traffic {
  /** By value, the entry of the main graph whose nodes give it. */
  readonly giver: ReadonlyMap<string, Entry>;
  /** By value, the entries of the main graph that take it, themselves, in subgraphs, or by a node that they share. */
  readonly users: ReadonlyMap<string, ReadonlySet<Entry>>;
}

export function trafficOf(ws: Workspace): Traffic {
  const [giver, users] = [new Map<string, Entry>(), new Map<string, Set<Entry>>()];
  const owners = ownersOf(ws);
  const take = (scope: Scope, node: Node, by: Iterable<Entry>): void => {
    for (const name of node.inputs) {
      if (name === '' || isOwn(ws, scope, name)) continue;
      const all = users.get(name) ?? new Set<Entry>();
      users.set(name, all);
      for (const entry of by) all.add(entry);
    }
  };
  for (const scope of ws.scopes) {
    const owner = owners.get(scope);
    for (const entry of scope.entries) {
      for (const node of entry.nodes) {
        take(scope, node, [owner ?? entry]);
        if (scope === ws.main) for (const name of node.outputs) giver.set(name, entry);
      }
    }
    for (const { node, users: sharers } of scope.shared.values())
      take(scope, node, owner === undefined ? sharers : [owner]);
  }
  return { giver, users };
}

/** Whether the name means a value of the subgraph, or of one around it, rather than of the main graph. */
function isOwn(ws: Workspace, scope: Scope, name: string): boolean {
  for (let at: Scope | undefined = scope; at !== undefined && at !== ws.main; at = at.parent) {
    if (at.producers.has(name) || at.inputs.has(name) || at.initializers.has(name)) return true;
  }
  return false;
}

/** By scope of a subgraph, the entry of the main graph that holds it. */
function ownersOf(ws: Workspace): ReadonlyMap<Scope, Entry> {
  const owners = new Map<Scope, Entry>();
  // parents come before their children
  for (const entry of ws.entries) {
    for (const { scope } of entry.bodies) owners.set(scope, owners.get(entry.scope) ?? entry);
  }
  return owners;
}

/** Gives values of the main graph other names, wherever nodes give or take them. */
export function renameValues(ws: Workspace, names: ReadonlyMap<string, string>): void {
  const renamed = (node: Node): Node => {
    const [inputs, outputs] = [node.inputs, node.outputs].map((list) => list.map((n) => names.get(n) ?? n));
    const isSame = [...node.inputs, ...node.outputs].every((n) => !names.has(n));
    return isSame ? node : { ...node, inputs: inputs ?? [], outputs: outputs ?? [], range: undefined };
  };
  // a subgraph may have a value of its own by that name
  const captured = new Set([...names.keys()].flatMap((n) => ws.uses(ws.main, n).map((use) => use.entry)));
  for (const scope of ws.scopes) {
    for (const entry of scope.entries) {
      if (scope === ws.main || captured.has(entry)) entry.nodes = entry.nodes.map(renamed);
    }
    for (const [key, shared] of scope.shared) {
      const made: SharedNode = { ...shared, node: renamed(shared.node) };
      scope.shared.set(key, made);
    }
  }
}
