/** A number with its unit; what is no number within the limits is not taken over. */
import { t, type TextKey } from '../l10n/index.ts';

export interface NumberFieldProps {
  readonly label: TextKey;
  readonly unit?: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly onChange: (value: number) => void;
}

export function NumberField({ label, unit, value, min, max, step, onChange }: NumberFieldProps) {
  return (
    <label class="setting">
      <span class="setting-label">{t(label)}</span>
      <span class="ratio-number">
        <input
          class="text-input"
          type="number"
          {...{ min, max, step, value }}
          onInput={(e) => {
            const next = e.currentTarget.valueAsNumber;
            if (next >= min && next <= max) onChange(next);
          }}
        />
        {unit}
      </span>
    </label>
  );
}
