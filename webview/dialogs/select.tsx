/** One of a few values, by name. */
import { Icon } from '../components/icon.tsx';
import { t, type TextKey } from '../l10n/index.ts';

export interface Named<T> {
  readonly value: T;
  /** Left out: the value itself, or `text`. */
  readonly title?: TextKey;
  /** In the language of the page. */
  readonly text?: string;
}

export interface SelectProps<T> {
  readonly label: TextKey;
  /** What the choice is good for. */
  readonly hint?: TextKey;
  readonly list: readonly Named<T>[];
  readonly value: T;
  readonly onChange: (value: T) => void;
}

export function Select<T extends string | number>({ label, hint, list, value, onChange }: SelectProps<T>) {
  return (
    <label class="setting" title={hint === undefined ? undefined : t(hint)}>
      <span class="setting-label">{t(label)}</span>
      <span class="select">
        <select
          value={value}
          onChange={(e) => {
            const found = list.find((l) => String(l.value) === e.currentTarget.value);
            if (found !== undefined) onChange(found.value);
          }}
        >
          {list.map((l) => (
            <option key={l.value} value={l.value} selected={l.value === value}>
              {l.title === undefined ? (l.text ?? l.value) : t(l.title)}
            </option>
          ))}
        </select>
        <Icon name="chevron-down" />
      </span>
    </label>
  );
}
