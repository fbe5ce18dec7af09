/** What a person can do in the graph. */
import { batch } from '@preact/signals';
import { selectLayer } from '../../state/actions.ts';
import { complain, host, messageOf } from '../../state/host.ts';
import { latest } from '../../state/latest.ts';
import { cursor, patchView } from '../../state/store.ts';
import { layoutInput } from './box-size.ts';
import { layOut } from './layout-client.ts';
import { ancestorsOf, layerKey, shownAs, type Part } from './parts.ts';
import { sceneOf } from './scene.ts';
import {
  at,
  extent,
  followed,
  graphState,
  known,
  neighbours,
  openKeys,
  partsFor,
  scene,
  viewport,
} from './state.ts';
import { fit, fitStart, reveal, zoomAt } from './viewport.ts';

/** Asks for the graph: when the tab is shown, and whenever figures change. */
export const loadGraph = latest(
  async () => {
    const view = await host().graph();
    return { view, graph: await partsFor(view) };
  },
  ({ view, graph }) => {
    const isSame = known.peek()?.graph === graph;
    graphState.value = { kind: 'known', view, graph };
    if (!isSame || scene.peek() === undefined) layOutShown({});
  },
  (error) => {
    graphState.value = { kind: 'failed', message: messageOf(error) };
  },
);

interface After {
  /** Key of the part that stays where it is on the screen. */
  readonly anchor?: string;
  /** Key of the part to be brought into view. */
  readonly reveal?: string;
  readonly isFit?: boolean;
}

const layOutShown = latest(
  async (after: After) => {
    const state = known.peek();
    if (state === undefined) return undefined;
    const open = openKeys.peek();
    const layout = await layOut(layoutInput(state.graph, open));
    return { next: sceneOf(state.graph, open, layout), after };
  },
  (answer) => {
    if (answer === undefined) return;
    const { next, after } = answer;
    const before = scene.peek();
    const [was, is] = [before?.byKey.get(after.anchor ?? ''), next.byKey.get(after.anchor ?? '')];
    batch(() => {
      scene.value = next;
      const v = viewport.peek();
      if (before === undefined)
        viewport.value = fitStart(next.root, next.root.children[0] ?? next.root, extent.peek());
      else if (after.isFit === true) viewport.value = fit(next.root, extent.peek());
      else if (was !== undefined && is !== undefined)
        viewport.value = { ...v, x: v.x + is.x - was.x, y: v.y + is.y - was.y };
      if (after.reveal !== undefined) show(after.reveal);
    });
  },
  (error) => complain('failed.graph', error),
);

function setOpen(open: Iterable<string>, after: After): void {
  patchView({ graphOpen: [...open] });
  layOutShown(after);
}

export function toggle(part: Part): void {
  if (part.children.length === 0) return;
  const open = new Set(openKeys.peek());
  if (!open.delete(part.key)) open.add(part.key);
  setOpen(open, { anchor: part.key });
}

export function openAll(): void {
  const { byKey } = known.peek()?.graph ?? {};
  setOpen(
    [...(byKey?.values() ?? [])].filter((p) => p.children.length > 0).map((p) => p.key),
    { isFit: true },
  );
}

export function closeAll(): void {
  setOpen([], { isFit: true });
}

/** Brings a part into view, if it is shown. */
function show(key: string): void {
  const placed = scene.peek()?.byKey.get(key);
  if (placed !== undefined) viewport.value = reveal(viewport.peek(), placed, extent.peek());
}

/** Takes a part to the cursor; its layer becomes the chosen one everywhere. */
export function choose(part: Part): void {
  batch(() => {
    at.value = part.key;
    followed.value = undefined;
    if (part.layerId !== undefined && part.layerId !== cursor.peek()) selectLayer(part.layerId);
  });
}

/** Chooses a part and brings it into view, opening what it is in. */
export function goTo(part: Part): void {
  choose(part);
  const open = openKeys.peek();
  const closed = ancestorsOf(part).filter((a) => !open.has(a.key));
  if (closed.length === 0) show(part.key);
  else setOpen([...open, ...closed.map((a) => a.key)], { reveal: part.key });
}

/** The layer chosen elsewhere, where that is another than here. */
export function followCursor(): void {
  const state = known.value;
  const wanted = cursor.value;
  const part = state?.graph.byKey.get(layerKey(wanted ?? ''));
  if (part === undefined || state?.graph.byKey.get(at.peek() ?? '')?.layerId === wanted) return;
  at.value = part.key;
  show(shownAs(part, openKeys.peek()).key);
}

export function fitAll(): void {
  const root = scene.peek()?.root;
  if (root !== undefined) viewport.value = fit(root, extent.peek());
}

export function zoom(factor: number): void {
  const { width, height } = extent.peek();
  viewport.value = zoomAt(viewport.peek(), { x: width / 2, y: height / 2 }, factor);
}

export function follow(tensor: number): void {
  followed.value = followed.peek() === tensor ? undefined : tensor;
}

type Direction = 'in' | 'out' | 'previous' | 'next' | 'parent' | 'first' | 'last';

/** Moves the cursor along tensors, or among what lies in the same group. */
export function move(direction: Direction): void {
  const state = known.peek();
  const current = state?.graph.byKey.get(at.peek() ?? '');
  const target = current === undefined ? firstShown('first') : moves[direction](current);
  if (target === undefined) return;
  const shown = shownAs(target, openKeys.peek());
  choose(shown);
  show(shown.key);
}

const moves: Readonly<Record<Direction, (part: Part) => Part | undefined>> = {
  in: () => neighbours.peek().incoming[0]?.ends[0],
  out: (part) => (isOpen(part) ? inOrder(part)[0] : neighbours.peek().outgoing[0]?.ends[0]),
  previous: (part) => beside(part, -1),
  next: (part) => beside(part, 1),
  parent: (part) => (part.parent?.kind === 'root' ? undefined : part.parent),
  first: () => firstShown('first'),
  last: () => firstShown('last'),
};

const isOpen = (part: Part): boolean => scene.peek()?.byKey.get(part.key)?.isOpen === true;

function firstShown(end: 'first' | 'last'): Part | undefined {
  const root = known.peek()?.graph.root;
  return root && inOrder(root).at(end === 'first' ? 0 : -1);
}

function beside(part: Part, step: number): Part | undefined {
  const all = part.parent === undefined ? [] : inOrder(part.parent);
  return all[all.indexOf(part) + step];
}

/** Top to bottom, left to right. */
function inOrder(part: Part): readonly Part[] {
  const children = scene.peek()?.byKey.get(part.key)?.children ?? [];
  return [...children].sort((a, b) => a.y - b.y || a.x - b.x).map((p) => p.part);
}
