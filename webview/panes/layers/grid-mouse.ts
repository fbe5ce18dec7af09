/** The table by mouse: one set of listeners for all rows. */
import { signal } from '@preact/signals';
import { openTextView } from '../../state/actions.ts';
import type { ColumnId } from '../../state/columns.ts';
import { items, type Item } from '../../state/rows.ts';
import { choose, howOf, isChosen, toggleGroup } from '../../state/selecting.ts';
import { viewState } from '../../state/store.ts';

/** Where the mouse is. */
export interface Hovered {
  readonly key: string;
  readonly column: ColumnId;
}
export const hovered = signal<Hovered | undefined>(undefined);

function itemAt({ target }: Event): Item | undefined {
  const row = target instanceof Element ? target.closest('.grid-body > [role=row]') : null;
  return row === null ? undefined : items.peek()[Number(row.getAttribute('aria-rowindex')) - 2];
}

function columnAt({ target }: Event): ColumnId | undefined {
  const cell = target instanceof Element ? target.closest('[role=gridcell]') : null;
  return cell === null ? undefined : viewState.peek().shown[Number(cell.getAttribute('aria-colindex')) - 1];
}

const on =
  <E extends Event>(handle: (item: Item, event: E) => void) =>
  (event: E): void => {
    const item = itemAt(event);
    if (item !== undefined) handle(item, event);
  };

/** Listeners of the table's body. */
export const rowMouse = {
  onMouseDown: (event: MouseEvent) => {
    if (event.shiftKey) event.preventDefault(); // no text selection between the two clicks
  },
  onMouseOver: on(({ key }, event: MouseEvent) => {
    const column = columnAt(event);
    const { key: lastKey, column: lastColumn } = hovered.peek() ?? {};
    if (column !== undefined && (key !== lastKey || column !== lastColumn)) hovered.value = { key, column };
  }),
  onMouseLeave: () => {
    hovered.value = undefined;
  },
  onClick: on((item, event: MouseEvent) => choose(item.key, howOf(event))),
  onDblClick: on((item) => {
    if (item.kind === 'group') toggleGroup(item.group.path);
    else void openTextView(item.key);
  }),
  onContextMenu: on((item) => {
    if (!isChosen(item)) choose(item.key, 'only');
  }),
};
