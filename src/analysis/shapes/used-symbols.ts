/** Which derived symbols something still depends on: branches that never run leave theirs behind. */
import { dimSymbols, isUnknown } from '../dim.ts';
import type { GraphInference, InferredType } from '../inference.ts';
import type { Dim } from '../types.ts';

/** Names of the symbols in the types of `graph` and of what runs in it, and in the bounds of those. */
export function usedSymbols(graph: GraphInference, bounds: ReadonlyMap<string, Dim>): ReadonlySet<string> {
  const used = new Set<string>();
  collect(graph, used);
  // A set's iteration goes on over what is added meanwhile.
  for (const name of used) {
    const bound = bounds.get(name);
    if (bound !== undefined) dimSymbols(bound, used);
  }
  return used;
}

function collect(graph: GraphInference, used: Set<string>): void {
  for (const type of graph.values.values()) addType(type, used);
  for (const list of graph.subgraphs.values())
    for (const { inference, taken } of list) if (taken) collect(inference, used);
  for (const call of graph.calls.values()) collect(call, used);
}

function addType(type: InferredType, used: Set<string>): void {
  if (type.kind === 'tensor') {
    if (!isUnknown(type.shape)) for (const d of type.shape) if (typeof d !== 'number') dimSymbols(d, used);
  } else if (type.kind === 'sequence' || type.kind === 'optional') {
    if (type.length !== undefined) dimSymbols(type.length, used);
    if (!isUnknown(type.elem)) addType(type.elem, used);
    for (const t of type.items ?? []) addType(t, used);
  }
}
