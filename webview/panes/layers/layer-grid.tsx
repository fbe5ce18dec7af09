/** The table itself: a grid whose rows exist only where they are seen. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { t } from '../../l10n/index.ts';
import { useVirtualRows } from '../../lib/virtual.ts';
import { columns } from '../../state/columns.ts';
import { items } from '../../state/rows.ts';
import { cursor, estimate, reveal, selectedLayers, viewState } from '../../state/store.ts';
import type { ViewState } from '../../state/view-state.ts';
import { ContextMenu, type MenuPlace } from './context-menu.tsx';
import { onGridKey } from './grid-keys.ts';
import { GridHeader } from './grid-header.tsx';
import { GridRow } from './grid-row.tsx';

export function LayerGrid() {
  const scroller = useRef<HTMLDivElement>(null);
  const [menu, setMenu] = useState<MenuPlace | undefined>(undefined);
  const rowHeight = useRowHeight();
  const list = items.value;
  const { shown, widths, isGrouped } = viewState.value;
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
        aria-rowcount={list.length + 1}
        aria-colcount={shown.length}
        aria-multiselectable="true"
        aria-activedescendant={at >= 0 ? `row-${at}` : undefined}
        tabIndex={0}
        style={{
          '--grid-columns': template({ shown, widths }, estimate.value?.before !== undefined),
          '--row-height': `${rowHeight}px`,
        }}
        onKeyDown={(event) => onGridKey(event, pageOf(scroller.current, rowHeight), openMenu)}
        onContextMenu={(event) => {
          event.preventDefault();
          openMenu(event.clientX, event.clientY);
        }}
      >
        <GridHeader />
        <div class="grid-body" role="rowgroup" style={{ height: `${list.length * rowHeight}px` }}>
          {virtualizer.getVirtualItems().map(({ index, start }) => {
            const item = list[index];
            return (
              item !== undefined && (
                <GridRow key={slotOf(index)} item={item} index={index} top={start - rowHeight - 2} />
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

function template({ shown, widths }: Pick<ViewState, 'shown' | 'widths'>, hasEdits: boolean): string {
  return shown
    .map((id) => {
      const width = widths[id] ?? columns[id].width + (hasEdits ? (columns[id].extraWidth ?? 0) : 0);
      return id === 'name' ? `minmax(${width}px, 1fr)` : `${width}px`;
    })
    .join(' ');
}

function pageOf(element: HTMLElement | null, rowHeight: number): number {
  return element === null ? 10 : Math.max(1, Math.floor(element.clientHeight / rowHeight) - 2);
}

/** Rows follow the font size of VS Code: 24 px at 13 px. */
function useRowHeight(): number {
  const [height] = useState(() => {
    const size = Number.parseFloat(getComputedStyle(document.body).fontSize);
    return Math.round((Number.isFinite(size) ? size : 13) * 1.85);
  });
  return height;
}
