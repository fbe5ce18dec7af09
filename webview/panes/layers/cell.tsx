/** A cell of the table, and the figures in it. */
import type { ComponentChildren, JSX } from 'preact';
import { exactAmount } from '../../components/amount.tsx';
import { Missing } from '../../components/missing.tsx';
import { t } from '../../l10n/index.ts';
import { bytesOf, countOf } from '../../lib/quantity.ts';
import { type ColumnId, columns } from '../../state/columns.ts';

/** What a cell shows. */
export interface Face {
  readonly content: ComponentChildren;
  /**
   * Tooltip. A function is asked for it only where the mouse is, since an attribute that changes makes the browser
   * style the cell anew.
   */
  readonly title?: string | (() => string);
  /** Class beside those of its column. */
  readonly class?: string;
  /** Pixels between the edge of the cell and the text; undefined: as all cells have. */
  readonly indent?: number;
}

export const emptyFace: Face = { content: null };
/** Nothing to speak of. */
export const zero: Face = { class: 'zero', content: '–' };

function titleOf({ title }: Face, isHovered: boolean): string | undefined {
  return typeof title !== 'function' ? title : isHovered ? title() : undefined;
}

export function cell(id: ColumnId, index: number, face: Face, isHovered: boolean): JSX.Element {
  const base = columns[id].isNumeric ? `cell cell-${id} numeric` : `cell cell-${id}`;
  return (
    <div
      key={id}
      role="gridcell"
      aria-colindex={index + 1}
      class={face.class === undefined ? base : `${base} ${face.class}`}
      title={titleOf(face, isHovered)}
      style={face.indent === undefined ? undefined : { paddingLeft: `${face.indent}px` }}
    >
      {face.content}
    </div>
  );
}

export interface FigureOptions {
  readonly kind?: 'bytes' | 'count';
  readonly isAtLeast?: boolean;
  /** Why it is unknown, or what it means: the tooltip. */
  readonly hint?: string | undefined;
  /** What stands before it. */
  readonly lead?: ComponentChildren;
}

/** As `Amount` writes it, in fewer elements. */
export function figure(value: number | undefined, options: FigureOptions = {}): Face {
  const { kind = 'bytes', isAtLeast = false, hint, lead } = options;
  if (value === undefined) {
    const content = (
      <>
        {lead}
        <Missing hint={hint} />
      </>
    );
    return { content };
  }
  const { number, unit } = kind === 'bytes' ? bytesOf(value) : countOf(value);
  return {
    title: () => hint ?? exactAmount(value, kind),
    content: (
      <>
        {lead}
        {isAtLeast && <span title={t('atLeast.hint')}>≥&#8239;</span>}
        {number}
        <span class="unit">{unit === '' ? '' : ` ${unit}`}</span>
      </>
    ),
  };
}
