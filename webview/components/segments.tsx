/** One of a few, side by side: one stop for the Tab key, arrows choose. */
import { moveFocus } from '../lib/roving.ts';

export interface Segment<Id extends string> {
  readonly id: Id;
  readonly title: string;
  /** Tooltip. */
  readonly hint?: string | undefined;
}

export interface SegmentsProps<Id extends string> {
  readonly label: string;
  readonly segments: readonly Segment<Id>[];
  readonly chosen: Id;
  readonly onChoose: (id: Id) => void;
}

export function Segments<Id extends string>({ label, segments, chosen, onChoose }: SegmentsProps<Id>) {
  return (
    <div
      class="segments"
      role="radiogroup"
      aria-label={label}
      onKeyDown={(event) => moveFocus(event, '[role=radio]')?.click()}
    >
      {segments.map(({ id, title, hint }) => (
        <button
          key={id}
          type="button"
          role="radio"
          aria-checked={id === chosen}
          tabIndex={id === chosen ? 0 : -1}
          title={hint}
          onClick={() => onChoose(id)}
        >
          {title}
        </button>
      ))}
    </div>
  );
}
