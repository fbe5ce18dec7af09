/**
 * One row: a layer, or a group of them with its totals. While the table scrolls every row in sight is drawn anew in
 * each frame, so a row is few elements: a cell holds its text itself, and its bar is its background.
 */
import type { CSSProperties, JSX } from 'preact';
import type { ColumnId } from '../../state/columns.ts';
import type { Item } from '../../state/rows.ts';
import { type BarColumn, barStyle } from './bars.ts';
import { cell } from './cell.tsx';
import { groupCell } from './group-cells.tsx';
import { layerCell } from './layer-cells.tsx';

export interface GridRowProps {
  readonly item: Item;
  readonly index: number;
  /** Pixels from the top of the body. */
  readonly top: number;
  /** Pixels. */
  readonly height: number;
  readonly shown: readonly ColumnId[];
  readonly bars: readonly BarColumn[];
  readonly isGrouped: boolean;
  readonly isSelected: boolean;
  /** Where the keyboard is. */
  readonly isAt: boolean;
  /** An edit being thought about would change it. */
  readonly isTouched: boolean;
  /** The column under the mouse; undefined where the mouse is not on this row. */
  readonly hovered: ColumnId | undefined;
}

export function GridRow(props: GridRowProps): JSX.Element {
  const { item, index, shown, isGrouped, isSelected, isAt, hovered } = props;
  const hasActions = isAt || hovered !== undefined;
  return (
    <div
      id={`row-${index}`}
      role="row"
      class={classOf(props)}
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      aria-level={isGrouped ? item.depth + 1 : undefined}
      aria-expanded={item.kind === 'group' ? item.isOpen : undefined}
      style={styleOf(props)}
    >
      {shown.map((id, i) => {
        const face = item.kind === 'layer' ? layerCell(id, item, hasActions) : groupCell(id, item);
        return cell(id, i, face, id === hovered);
      })}
    </div>
  );
}

function classOf({ item, isSelected, isAt, isTouched }: GridRowProps): string {
  const names = ['grid-row', item.kind];
  if (isSelected) names.push('selected');
  if (isAt) names.push('at');
  if (isTouched) names.push('touched');
  if (item.kind === 'layer' && item.row.change !== undefined) names.push(item.row.change.status);
  return names.join(' ');
}

function styleOf({ item, top, height, bars }: GridRowProps): CSSProperties {
  const transform = `translateY(${top}px)`;
  return item.kind === 'layer' ? { transform, ...barStyle(item.row, bars, height) } : { transform };
}
