/** Sizes of boxes. They follow the words, not the figures: other dims must not move anything. */
import type { LayoutPart } from './layout-tree.ts';
import type { GraphParts, Part } from './parts.ts';

/** Pixels at 100 %. */
const boxHeight = 38;
const terminalHeight = 24;
const letterWidth = 6.7;
const figureLetters = 12; // ' · 1023 MiB', and a mark
const mostLetters = 34;

/** Cut to what a box has room for. */
export function shortLabel(label: string): string {
  return label.length <= mostLetters ? label : `…${label.slice(1 - mostLetters)}`;
}

function closedSize(part: Part): { readonly width: number; readonly height: number } {
  const isTerminal = part.kind === 'input' || part.kind === 'output';
  const second = isTerminal ? 0 : part.opType.length + figureLetters;
  const letters = Math.max(10, Math.min(mostLetters, Math.max(part.label.length, second)));
  return {
    width: Math.round(letters * letterWidth + 20),
    height: isTerminal ? terminalHeight : boxHeight,
  };
}

/** What the layout is asked for: the parts that are shown when these are open. */
export function layoutInput(graph: GraphParts, open: ReadonlySet<string>): LayoutPart {
  const partOf = (part: Part): LayoutPart => {
    const isOpen = part.kind === 'root' || (part.children.length > 0 && open.has(part.key));
    if (!isOpen) return { key: part.key, ...closedSize(part) };
    const level = graph.edges.get(part.key);
    return {
      key: part.key,
      width: 0,
      height: 0,
      open: {
        children: part.children.map(partOf),
        edges: (level?.between ?? []).map(({ from, to }) => [from, to] as const),
        takers: level?.takers ?? [],
        givers: level?.givers ?? [],
      },
    };
  };
  return partOf(graph.root);
}
