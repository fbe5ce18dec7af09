/** Who uses the initializers of a model, in the graph that defines them and in the subgraphs that capture them. */
import type { Model } from '../../onnx/model.ts';
import type { Entry, Scope, Workspace } from '../graph/workspace.ts';

export interface Usage {
  readonly entries: Set<Entry>;
  isOutput: boolean;
}

export type Usages = ReadonlyMap<Scope, ReadonlyMap<string, Usage>>;

export function usages(ws: Workspace): Usages {
  const found = new Map(ws.scopes.map((scope) => [scope, new Map<string, Usage>()]));
  const usage = (scope: Scope, name: string): Usage | undefined => {
    const of = name === '' ? undefined : found.get(homeOf(scope, name) ?? scope);
    if (of === undefined) return undefined;
    const known = of.get(name) ?? { entries: new Set(), isOutput: false };
    of.set(name, known);
    return known;
  };
  for (const scope of ws.scopes) {
    for (const { name } of scope.graph.outputs) {
      const used = usage(scope, name);
      if (used !== undefined) used.isOutput = true;
    }
    for (const entry of scope.entries)
      for (const node of entry.nodes) for (const name of node.inputs) usage(scope, name)?.entries.add(entry);
  }
  return found;
}

/** The graph whose value `name` means in `scope`. */
export function homeOf(scope: Scope, name: string): Scope | undefined {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    if (at.initializers.has(name) || at.producers.has(name) || at.inputs.has(name)) return at;
    if (at.graph.sparseInitializers.some((s) => s.values.name === name)) return at;
  }
  return undefined;
}

export const IS_INPUT = 'it is a graph input, too, which the caller may replace';
const MAY_BE_NAMED =
  'the file has fields beside the graph that may name it (quantization annotations, training info)';

/** Why the initializer can neither go nor stand for others; undefined where it can. */
export function whyKept({ model, main }: Workspace, scope: Scope, name: string): string | undefined {
  // the inputs of the main graph that are initializers go with IR version 4 (see `buildModel`)
  if (scope.inputs.has(name) && (scope !== main || model.irVersion >= 4)) return IS_INPUT;
  return hasOtherFields(model, scope) ? MAY_BE_NAMED : undefined;
}

/** They are kept as bytes, and what they name is not known. */
function hasOtherFields(model: Model, { graph }: Scope): boolean {
  return [model, graph].some((message) => (message.unknownFields ?? []).length > 0);
}
