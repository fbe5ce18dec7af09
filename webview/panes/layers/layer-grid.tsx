/** The table itself: a grid whose rows exist only where they are seen. */
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { t } from '../../l10n/index.ts';
import { useVirtualRows } from '../../lib/virtual.ts';
import { type ColumnId, columns, columnsWithin } from '../../state/columns.ts';
import { items } from '../../state/rows.ts';
import { cursor, estimate, isEarly, reveal, selectedLayers, touched, viewState } from '../../state/store.ts';
import { isChosen, moveCursor } from '../../state/selecting.ts';
import type { ViewState } from '../../state/view-state.ts';
import { barColumns, barImages } from './bars.ts';
import { ContextMenu, type MenuPlace } from './context-menu.tsx';
import { onGridKey } from './grid-keys.ts';
import { GridHeader } from './grid-header.tsx';
import { hovered, rowMouse } from './grid-mouse.ts';
import { GridRow } from './grid-row.tsx';

/** Pixels at both ends of a row. */
const rowPadding = 8;

export function LayerGrid() {
  const scroller = useRef<HTMLDivElement>(null);
  const [menu, setMenu] = useState<MenuPlace | undefined>(undefined);
  const rowHeight = useRowHeight();
  const list = items.value;
  const { isGrouped } = viewState.value;
  const widthOf = columnWidth(viewState.value, estimate.value?.before !== undefined);
  const shown = columnsWithin(useRoom(scroller), viewState.value.shown, widthOf);
  const bars = useMemo(
    () => barColumns(shown, widthOf, rowPadding),
    [shown.join(), shown.map(widthOf).join()],
  );
  const { virtualizer, slotOf } = useVirtualRows({
    scroller,
    count: list.length,
    rowHeight,
    headerHeight: rowHeight + 2,
  });
  const at = list.findIndex((item) => item.key === cursor.value);
  const revealed = reveal.value;
  useLayoutEffect(() => {
    if (revealed > 0 && at >= 0) virtualizer.scrollToIndex(at, { align: 'auto' });
  }, [revealed]);
  const openMenu = (x: number, y: number): void => setMenu({ x, y });
  return (
    <div class="grid-frame">
      <div
        id="layer-grid"
        class="grid"
        ref={scroller}
        role={isGrouped ? 'treegrid' : 'grid'}
        aria-label={t('tab.layers')}
        aria-busy={isEarly.value}
        aria-rowcount={list.length + 1}
        aria-colcount={shown.length}
        aria-multiselectable="true"
        aria-activedescendant={at >= 0 ? `row-${at}` : undefined}
        tabIndex={0}
        style={{
          '--grid-columns': template(shown, widthOf),
          '--bars': barImages(bars),
          '--row-height': `${rowHeight}px`,
        }}
        onFocus={({ target, currentTarget }) => {
          // by keyboard: the cursor is what shows where one is
          if (
            target === currentTarget &&
            cursor.peek() === undefined &&
            currentTarget.matches(':focus-visible')
          )
            moveCursor(1, 'move');
        }}
        onKeyDown={(event) => onGridKey(event, pageOf(scroller.current, rowHeight), openMenu)}
        onContextMenu={(event) => {
          event.preventDefault();
          openMenu(event.clientX, event.clientY);
        }}
      >
        <GridHeader shown={shown} />
        <div
          class="grid-body"
          role="rowgroup"
          style={{ height: `${list.length * rowHeight}px` }}
          {...rowMouse}
        >
          {virtualizer.getVirtualItems().map(({ index, start }) => {
            const item = list[index];
            return (
              item !== undefined && (
                <GridRow
                  key={slotOf(index)}
                  item={item}
                  index={index}
                  top={start - rowHeight - 2}
                  height={rowHeight}
                  shown={shown}
                  bars={bars}
                  isGrouped={isGrouped}
                  isSelected={isChosen(item)}
                  isAt={index === at}
                  isTouched={touched.value.has(item.key)}
                  hovered={hovered.value?.key === item.key ? hovered.value.column : undefined}
                />
              )
            );
          })}
        </div>
      </div>
      {menu !== undefined && (
        <ContextMenu
          place={menu}
          rows={selectedLayers.value}
          onClose={() => {
            setMenu(undefined);
            scroller.current?.focus();
          }}
        />
      )}
    </div>
  );
}

/** Pixels of each column; the name takes what is left as well. */
function columnWidth({ widths }: ViewState, hasEdits: boolean): (id: ColumnId) => number {
  return (id) => widths[id] ?? columns[id].width + (hasEdits ? (columns[id].extraWidth ?? 0) : 0);
}

function template(shown: readonly ColumnId[], widthOf: (id: ColumnId) => number): string {
  return shown.map((id) => (id === 'name' ? `minmax(${widthOf(id)}px, 1fr)` : `${widthOf(id)}px`)).join(' ');
}

function pageOf(element: HTMLElement | null, rowHeight: number): number {
  return element === null ? 10 : Math.max(1, Math.floor(element.clientHeight / rowHeight) - 2);
}

/** Pixels for the columns; undefined where not known yet. */
function useRoom(scroller: { readonly current: HTMLDivElement | null }): number | undefined {
  const [room, setRoom] = useState<number | undefined>(undefined);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return undefined;
    const measure = (): void => setRoom(element.clientWidth - 2 * rowPadding);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return room;
}

/** Rows follow the font size of VS Code: 24 px at 13 px. */
function useRowHeight(): number {
  const [height] = useState(() => {
    const size = Number.parseFloat(getComputedStyle(document.body).fontSize);
    return Math.round((Number.isFinite(size) ? size : 13) * 1.85);
  });
  return height;
}
