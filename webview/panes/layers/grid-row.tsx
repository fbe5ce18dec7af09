/** One row: a layer, or a group of them with its totals. */
import type { JSX } from 'preact';
import { Amount } from '../../components/amount.tsx';
import { Icon } from '../../components/icon.tsx';
import { t } from '../../l10n/index.ts';
import type { ColumnId } from '../../state/columns.ts';
import { columns } from '../../state/columns.ts';
import type { Item } from '../../state/rows.ts';
import { choose, howOf, toggleGroup } from '../../state/selecting.ts';
import { cursor, selection, touched, viewState } from '../../state/store.ts';
import { openTextView } from '../../state/actions.ts';
import { layerCells } from './layer-cells.tsx';
import { hovered } from './name-cell.tsx';

export interface GridRowProps {
  readonly item: Item;
  readonly index: number;
  /** Pixels from the top of the body. */
  readonly top: number;
}

export function GridRow({ item, index, top }: GridRowProps) {
  const isSelected =
    item.kind === 'layer'
      ? selection.value.has(item.key)
      : item.group.rows.every((row) => selection.value.has(row.id));
  const change = item.kind === 'layer' ? item.row.change?.status : undefined;
  return (
    <div
      id={`row-${index}`}
      role="row"
      class={`grid-row ${item.kind} ${isSelected ? 'selected' : ''} ${cursor.value === item.key ? 'at' : ''} ${change ?? ''} ${touched.value.has(item.key) ? 'touched' : ''}`}
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      aria-level={viewState.value.isGrouped ? item.depth + 1 : undefined}
      aria-expanded={item.kind === 'group' ? item.isOpen : undefined}
      style={{ transform: `translateY(${top}px)` }}
      onMouseDown={(event) => {
        if (event.shiftKey) event.preventDefault(); // no text selection between the two clicks
      }}
      onMouseEnter={() => {
        hovered.value = item.key;
      }}
      onClick={(event) => choose(item.key, howOf(event))}
      onDblClick={() => {
        if (item.kind === 'group') toggleGroup(item.group.path);
        else void openTextView(item.key);
      }}
      onContextMenu={() => {
        if (!isSelected) choose(item.key, 'only');
      }}
    >
      {viewState.value.shown.map((id, i) => (
        <div
          key={id}
          role="gridcell"
          aria-colindex={i + 1}
          class={`cell cell-${id} ${columns[id].isNumeric ? 'numeric' : ''}`}
        >
          {item.kind === 'layer' ? layerCells[id](item) : groupCell(id, item)}
        </div>
      ))}
    </div>
  );
}

function groupCell(id: ColumnId, item: Item & { readonly kind: 'group' }): JSX.Element | null {
  const { totals, rows, label, path } = item.group;
  switch (id) {
    case 'name':
      return (
        <span class="name" style={{ paddingLeft: `${item.depth * 12}px` }}>
          <button
            type="button"
            class="twistie"
            tabIndex={-1}
            aria-label={item.isOpen ? t('group.close') : t('group.open')}
            onClick={(e) => {
              e.stopPropagation();
              toggleGroup(path);
            }}
          >
            <Icon name={item.isOpen ? 'chevron-down' : 'chevron-right'} />
          </button>
          <span class="leaf">{label}</span>
          <span class="muted group-count">{rows.length}</span>
        </span>
      );
    case 'weights':
      return <Amount value={totals.parameterBytes} />;
    case 'activations':
      return <Amount value={totals.activationBytes} isAtLeast={totals.isAtLeast} />;
    case 'macs':
      return <Amount value={totals.macs} kind="count" />;
    default:
      return null;
  }
}
