/** What the graph tab shows. Kept while another tab is in front; open groups and colouring are view state. */
import { computed, signal } from '@preact/signals';
import type { GraphView } from '../../../src/protocol.ts';
import { layers, viewState } from '../../state/store.ts';
import { findParts } from './find.ts';
import { figuresOf } from './metrics.ts';
import { neighboursOf } from './neighbours.ts';
import { buildParts, openAtFirst, type GraphParts } from './parts.ts';
import type { Scene } from './scene.ts';
import type { Extent, Viewport } from './viewport.ts';

export type GraphState =
  | { readonly kind: 'loading' }
  | { readonly kind: 'known'; readonly view: GraphView; readonly graph: GraphParts }
  | { readonly kind: 'failed'; readonly message: string };

export const graphState = signal<GraphState>({ kind: 'loading' });
export const scene = signal<Scene | undefined>(undefined);
export const viewport = signal<Viewport>({ x: 0, y: 0, scale: 1 });
export const extent = signal<Extent>({ width: 0, height: 0 });
/** Key of the part at the cursor. */
export const at = signal<string | undefined>(undefined);
/** Index in `GraphView.tensors` of the one that is followed. */
export const followed = signal<number | undefined>(undefined);
export const query = signal('');

export const known = computed(() => (graphState.value.kind === 'known' ? graphState.value : undefined));
/** Parts of the view state on their own: another column width must not draw the graph anew. */
export const metric = computed(() => viewState.value.graphMetric);
const chosenOpen = computed(() => viewState.value.graphOpen);
export const openKeys = computed<ReadonlySet<string>>(() => {
  const graph = known.value?.graph;
  return new Set(chosenOpen.value ?? (graph === undefined ? [] : openAtFirst(graph)));
});
export const figureOf = computed(() => {
  const view = known.value?.view;
  return view === undefined ? undefined : figuresOf(view, metric.value);
});
export const partAt = computed(() => known.value?.graph.byKey.get(at.value ?? ''));
export const neighbours = computed(() => {
  const [state, part] = [known.value, partAt.value];
  if (state === undefined || part === undefined) return { incoming: [], outgoing: [] };
  return neighboursOf(state.view, state.graph, part);
});
export const found = computed(() => {
  const state = known.value;
  return state === undefined ? [] : findParts(state.view, state.graph, query.value);
});

/** The parts of a view; those of the last one where only figures changed. */
export async function partsFor(view: GraphView): Promise<GraphParts> {
  const last = known.peek();
  return last !== undefined && isSameGraph(last.view, view) ? last.graph : buildParts(view, layers.peek());
}

function isSameGraph(a: GraphView, b: GraphView): boolean {
  return (
    a.nodes.length === b.nodes.length &&
    a.tensors.length === b.tensors.length &&
    a.nodes.every((node, i) => node.id === b.nodes[i]?.id && node.layerId === b.nodes[i].layerId) &&
    a.tensors.every((t, i) => t.from === b.tensors[i]?.from && t.to.join() === b.tensors[i].to.join())
  );
}
