/** A group and a layer of the treemap. */
import { selectLayer } from '../../state/actions.ts';
import { cursor, selection } from '../../state/store.ts';
import type { GroupBox, LeafBox } from './layout.ts';

const place = ({ x, y, width, height }: LeafBox | GroupBox) => ({
  left: `${x}px`,
  top: `${y}px`,
  width: `${width}px`,
  height: `${height}px`,
});

interface GroupViewProps {
  readonly box: GroupBox;
  readonly title: string;
  readonly onOpen: () => void;
}

export function GroupView({ box, title, onOpen }: GroupViewProps) {
  return (
    <div class="map-group" style={place(box)}>
      {box.hasHeader && (
        <button type="button" tabIndex={-1} title={title} onClick={onOpen}>
          {box.label}
        </button>
      )}
    </div>
  );
}

interface LeafViewProps {
  readonly box: LeafBox;
  readonly tone: string;
  readonly title: string;
  readonly figure: string;
  /** Share of the tone in its colour, in percent. */
  readonly strength: number;
  readonly index: number;
  readonly isStop: boolean;
}

/** Costly layers are deeper in colour, too. */
export function strengthOf(value: number, largest: number): number {
  return Math.round(22 + (largest === 0 ? 0 : 22 * Math.sqrt(value / largest)));
}

export function LeafView({ box, tone, title, figure, strength, index, isStop }: LeafViewProps) {
  const { row, width, height } = box;
  const isChosen = selection.value.has(row.id);
  const hasText = width > 42 && height > 18;
  return (
    <button
      type="button"
      class={`map-leaf ${tone} ${isChosen ? 'chosen' : ''} ${row.change === undefined ? '' : 'changed'}`}
      style={{ ...place(box), '--strength': `${strength}%` }}
      title={title}
      aria-label={hasText ? undefined : title}
      aria-pressed={isChosen}
      tabIndex={isStop ? 0 : -1}
      data-index={index}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey) toggle(row.id);
        else selectLayer(row.id);
      }}
      onDblClick={() => selectLayer(row.id, { showTable: true })}
    >
      {hasText && <span class="map-label">{box.label} </span>}
      {hasText && height > 36 && <span class="map-figure">{figure}</span>}
    </button>
  );
}

function toggle(id: string): void {
  const next = new Set(selection.peek());
  if (!next.delete(id)) next.add(id);
  selection.value = next;
  cursor.value = id;
}
