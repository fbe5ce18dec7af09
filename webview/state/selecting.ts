/** Choosing rows by mouse and keyboard, as VS Code's lists do it. */
import { batch, signal } from '@preact/signals';
import { items, type Item } from './rows.ts';
import { cursor, patchView, reveal, selection, viewState } from './store.ts';

/** Where a range begins. */
const anchor = signal<string | undefined>(undefined);

export type How = 'only' | 'toggle' | 'range' | 'move';

export function howOf(event: { shiftKey: boolean; ctrlKey: boolean; metaKey: boolean }): How {
  if (event.shiftKey) return 'range';
  return event.ctrlKey || event.metaKey ? 'toggle' : 'only';
}

/** A group stands for all of its layers. */
function idsOf(item: Item): readonly string[] {
  return item.kind === 'layer' ? [item.key] : item.group.rows.map((row) => row.id);
}

export function isChosen(item: Item): boolean {
  const chosen = selection.value;
  return item.kind === 'layer' ? chosen.has(item.key) : item.group.rows.every((row) => chosen.has(row.id));
}

export function choose(key: string, how: How): void {
  const list = items.peek();
  const item = list.find((i) => i.key === key);
  if (item === undefined) return;
  batch(() => {
    cursor.value = key;
    if (how === 'move') return;
    if (how === 'range') {
      const from = list.findIndex((i) => i.key === anchor.peek());
      const to = list.indexOf(item);
      const [first, last] = from < 0 ? [to, to] : [Math.min(from, to), Math.max(from, to)];
      selection.value = new Set(list.slice(first, last + 1).flatMap(idsOf));
      return;
    }
    anchor.value = key;
    if (how === 'only') selection.value = new Set(idsOf(item));
    else toggle(idsOf(item));
  });
}

function toggle(ids: readonly string[]): void {
  const next = new Set(selection.peek());
  const isOn = ids.every((id) => next.has(id));
  for (const id of ids) {
    if (isOn) next.delete(id);
    else next.add(id);
  }
  selection.value = next;
}

export function chooseAll(): void {
  selection.value = new Set(items.peek().flatMap((item) => (item.kind === 'layer' ? [item.key] : [])));
}

export function chooseNone(): void {
  selection.value = new Set();
}

/** Moves the cursor by rows, to the nearest end where there are not so many. */
export function moveCursor(rows: number, how: How): void {
  const list = items.peek();
  const at = list.findIndex((i) => i.key === cursor.peek());
  const start = at < 0 ? (rows > 0 ? -1 : list.length) : at;
  const to = Math.min(list.length - 1, Math.max(0, start + rows));
  const item = list[to];
  if (item === undefined) return;
  choose(item.key, how);
  reveal.value++;
}

/** Opens or closes the group at the cursor; false where there is none to be. */
export function setOpen(isOpen: boolean): boolean {
  const item = items.peek().find((i) => i.key === cursor.peek());
  if (item?.kind !== 'group' || item.isOpen === isOpen) return false;
  toggleGroup(item.group.path);
  return true;
}

export function toggleGroup(path: string): void {
  const { collapsed } = viewState.peek();
  patchView({
    collapsed: collapsed.includes(path) ? collapsed.filter((p) => p !== path) : [...collapsed, path],
  });
}
