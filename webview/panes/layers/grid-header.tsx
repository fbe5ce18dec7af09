/** Titles that sort, and their right edges that resize. */
import { t } from '../../l10n/index.ts';
import { Icon } from '../../components/icon.tsx';
import { type ColumnId, columns } from '../../state/columns.ts';
import { patchView, viewState } from '../../state/store.ts';
import type { Sort } from '../../state/view-state.ts';

export function GridHeader({ shown }: { readonly shown: readonly ColumnId[] }) {
  const { sort } = viewState.value;
  return (
    <div class="grid-head" role="rowgroup">
      <div class="grid-row head" role="row" aria-rowindex={1}>
        {shown.map((id, i) => (
          <HeaderCell key={id} id={id} index={i} sort={sort} />
        ))}
      </div>
    </div>
  );
}

interface HeaderCellProps {
  readonly id: ColumnId;
  readonly index: number;
  readonly sort: Sort | undefined;
}

function HeaderCell({ id, index, sort }: HeaderCellProps) {
  const column = columns[id];
  const isSorted = sort?.column === id;
  return (
    <div
      role="columnheader"
      class={`cell ${column.isNumeric ? 'numeric' : ''} ${isSorted ? 'sorted' : ''}`}
      aria-colindex={index + 1}
      aria-sort={isSorted ? (sort.isDescending ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        title={t('columns.sort', { title: t(column.title) })}
        onClick={() => patchView({ sort: nextSort(id, sort) })}
        onKeyDown={(e) => {
          const step = e.altKey ? { ArrowLeft: -16, ArrowRight: 16 }[e.key] : undefined;
          if (step === undefined) return;
          e.preventDefault();
          resize(id, widthOf(e.currentTarget) + step);
        }}
      >
        <span class="head-title">{t(column.title)}</span>
        {isSorted && <Icon name={sort.isDescending ? 'arrow-small-down' : 'arrow-small-up'} />}
      </button>
      <span
        class="resizer"
        aria-hidden="true"
        onPointerDown={(e) => startResize(e, id)}
        onDblClick={() => resize(id, undefined)}
      />
    </div>
  );
}

/** Figures first from the largest, words from A; the third click gives execution order back. */
function nextSort(id: ColumnId, sort: Sort | undefined): Sort | undefined {
  const first = columns[id].isNumeric;
  if (sort?.column !== id) return { column: id, isDescending: first };
  return sort.isDescending === first ? { column: id, isDescending: !first } : undefined;
}

function widthOf(inside: Element): number {
  return inside.closest('.cell')?.getBoundingClientRect().width ?? 0;
}

function resize(id: ColumnId, width: number | undefined): void {
  const chosen = width === undefined ? undefined : Math.max(columns[id].minWidth, Math.round(width));
  patchView({ widths: { ...viewState.peek().widths, [id]: chosen } });
}

function startResize(event: PointerEvent, id: ColumnId): void {
  const handle = event.currentTarget;
  if (!(handle instanceof HTMLElement)) return;
  event.preventDefault();
  handle.setPointerCapture(event.pointerId);
  const start = widthOf(handle) - event.clientX;
  const onMove = (e: PointerEvent): void => resize(id, start + e.clientX);
  handle.addEventListener('pointermove', onMove);
  handle.addEventListener('lostpointercapture', () => handle.removeEventListener('pointermove', onMove), {
    once: true,
  });
}
