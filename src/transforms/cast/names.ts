/** Who gives and takes each value, as the nodes stand now, and other names for values of the main graph. */
import type { Node } from '../../onnx/model.ts';
import type { Entry, Scope, SharedNode, Workspace } from '../graph/workspace.ts';

/** Something known of values, by the graph that defines them. */
export class ByValue<T> {
  private readonly scopes = new Map<Scope, Map<string, T>>();

  get(scope: Scope, name: string): T | undefined {
    return this.scopes.get(scope)?.get(name);
  }

  /** What is known of the value; `make` gives it where nothing is yet. */
  at(scope: Scope, name: string, make: () => T): T {
    const values = this.scopes.get(scope) ?? new Map<string, T>();
    this.scopes.set(scope, values);
    const known = values.get(name);
    if (known !== undefined) return known;
    const made = make();
    values.set(name, made);
    return made;
  }

  *[Symbol.iterator](): Iterator<readonly [Scope, string, T]> {
    for (const [scope, values] of this.scopes) {
      for (const [name, of] of values) yield [scope, name, of];
    }
  }
}

export interface Traffic {
  /** The entry, of the value's own graph, whose nodes give it. */
  readonly giver: ByValue<Entry>;
  /** Entries of the value's own graph that take it, themselves, in subgraphs, or by a node that they share. */
  readonly users: ByValue<Set<Entry>>;
  /** Entries of whichever graph whose own nodes take it, or a node that they share. */
  readonly takers: ByValue<Set<Entry>>;
}

/** @param homes graphs of values that are not the original model's, by name; the main graph has others */
export function trafficOf(ws: Workspace, homes: ReadonlyMap<string, Scope> = new Map()): Traffic {
  const giver = new ByValue<Entry>();
  const [users, takers] = [new ByValue<Set<Entry>>(), new ByValue<Set<Entry>>()];
  const owners = ownersOf(ws);
  const take = (scope: Scope, node: Node, by: Iterable<Entry>): void => {
    for (const name of node.inputs) {
      if (name === '') continue;
      const home = homes.get(name) ?? homeOf(ws, scope, name);
      for (const entry of by) {
        takers.at(home, name, () => new Set()).add(entry);
        users.at(home, name, () => new Set()).add(entryIn(home, entry, owners));
      }
    }
  };
  for (const scope of ws.scopes) {
    for (const entry of scope.entries) {
      for (const node of entry.nodes) {
        take(scope, node, [entry]);
        for (const name of node.outputs) giver.at(scope, name, () => entry);
      }
    }
    for (const { node, users: sharers } of scope.shared.values()) take(scope, node, sharers);
  }
  return { giver, users, takers };
}

/** The graph that defines what `name` means in `scope`; the main one where none does. */
export function homeOf(ws: Workspace, scope: Scope, name: string): Scope {
  return ws.definition(scope, name) ?? ws.main;
}

/** By body, the entry whose node holds it. */
export function ownersOf(ws: Workspace): ReadonlyMap<Scope, Entry> {
  const owners = new Map<Scope, Entry>();
  for (const entry of ws.entries) for (const { scope } of entry.bodies) owners.set(scope, entry);
  return owners;
}

/** The entry of `scope` that is `entry`, or holds it. */
function entryIn(scope: Scope, entry: Entry, owners: ReadonlyMap<Scope, Entry>): Entry {
  let at = entry;
  while (at.scope !== scope) {
    const owner = owners.get(at.scope);
    if (owner === undefined) return at;
    at = owner;
  }
  return at;
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
