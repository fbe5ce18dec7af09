/** Searching the graph: by name, operator or tensor, in the order in which it runs. */
import type { GraphView } from '../../../src/protocol.ts';
import type { GraphParts, Part } from './parts.ts';

/** Layers, nodes and terminals that hold every word; groups are found by what is in them. */
export function findParts(view: GraphView, graph: GraphParts, query: string): readonly Part[] {
  const words = query
    .toLowerCase()
    .split(/\s+/)
    .filter((w) => w !== '');
  if (words.length === 0) return [];
  const tensors = new Map<number, string[]>();
  for (const { from, name } of view.tensors) {
    const known = tensors.get(from);
    if (known === undefined) tensors.set(from, [name]);
    else known.push(name);
  }
  const textOf = (part: Part): string => {
    const [node] = part.kind === 'node' ? part.nodes : [];
    const own = node === undefined ? part.nodes : [node];
    const ids = own.map((n) => `${view.nodes[n]?.id ?? ''} ${(tensors.get(n) ?? []).join(' ')}`);
    return `${part.label} ${part.opType} ${part.layerId ?? ''} ${ids.join(' ')}`.toLowerCase();
  };
  const found: Part[] = [];
  const visit = (part: Part): void => {
    const isSearched = part.kind !== 'root' && part.kind !== 'group' && part.kind !== 'section';
    const isFound = isSearched && matches(textOf(part), words);
    const before = found.length;
    for (const child of part.children) visit(child);
    // of a layer whose nodes are found, the nodes say more; the layer stays where only the whole fits
    if (isFound && found.length === before) found.push(part);
  };
  visit(graph.root);
  return found;
}

function matches(text: string, words: readonly string[]): boolean {
  return words.every((word) => text.includes(word));
}
