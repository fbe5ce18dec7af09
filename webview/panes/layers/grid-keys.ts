/** The table by keyboard, as VS Code's lists have it. */
import { openTextView } from '../../state/actions.ts';
import { choose, chooseAll, chooseNone, howOf, moveCursor, setOpen } from '../../state/selecting.ts';
import { cursor, layerById, selectedLayers } from '../../state/store.ts';
import { commandById } from './commands.ts';

type Handler = (event: KeyboardEvent, page: number, openMenu: (x: number, y: number) => void) => void;

/** Ctrl with an arrow moves without choosing. */
const move =
  (rows: (page: number) => number): Handler =>
  (event, page) => {
    const how = howOf(event);
    moveCursor(rows(page), how === 'toggle' ? 'move' : how);
  };

const keys: Readonly<Record<string, Handler>> = {
  ArrowDown: move(() => 1),
  ArrowUp: move(() => -1),
  PageDown: move((page) => page),
  PageUp: move((page) => -page),
  Home: move(() => -Infinity),
  End: move(() => Infinity),
  ArrowRight: () => void setOpen(true),
  ArrowLeft: () => void setOpen(false),
  ' ': () => {
    const at = cursor.peek();
    if (at !== undefined) choose(at, 'toggle');
  },
  Enter: () => {
    const at = cursor.peek();
    if (at !== undefined && layerById.peek().has(at)) void openTextView(at);
  },
  Escape: chooseNone,
  Delete: () => runCommand('revert'),
  ContextMenu: (event, _page, openMenu) => openMenuAtCursor(event, openMenu),
};

const ctrlKeys: Readonly<Record<string, Handler>> = {
  a: chooseAll,
  c: () => runCommand('tsv'),
  f: () => document.getElementById('layer-filter')?.focus(),
};

export const onGridKey: Handler = (event, page, openMenu) => {
  // Keys of a button or handle inside the grid are its own.
  if (event.target !== event.currentTarget) return;
  const isCtrl = event.ctrlKey || event.metaKey;
  const handler =
    (isCtrl ? ctrlKeys[event.key.toLowerCase()] : undefined) ??
    (event.key === 'F10' && event.shiftKey ? keys['ContextMenu'] : keys[event.key]);
  if (handler === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  handler(event, page, openMenu);
};

function runCommand(id: string): void {
  const command = commandById(id);
  const rows = selectedLayers.peek();
  if (command?.blocked(rows) === undefined) command?.run(rows);
}

function openMenuAtCursor(event: KeyboardEvent, openMenu: (x: number, y: number) => void): void {
  const grid = event.currentTarget;
  if (!(grid instanceof HTMLElement)) return;
  const id = grid.getAttribute('aria-activedescendant');
  const box = (id === null ? null : document.getElementById(id))?.getBoundingClientRect();
  const frame = grid.getBoundingClientRect();
  openMenu(frame.left + 24, box?.bottom ?? frame.top + 24);
}
