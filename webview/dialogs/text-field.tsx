/** A text with what it is good for; taken over when it is done, not at each letter. */
import { t, type TextKey } from '../l10n/index.ts';

export interface TextFieldProps {
  readonly label: TextKey;
  readonly hint: TextKey;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

export function TextField({ label, hint, value, onChange }: TextFieldProps) {
  return (
    <label class="setting" title={t(hint)}>
      <span class="setting-label">{t(label)}</span>
      <input
        class="text-input"
        type="text"
        spellcheck={false}
        autocomplete="off"
        value={value}
        onChange={(e) => onChange(e.currentTarget.value.trim())}
      />
    </label>
  );
}
