/** One dim that can be chosen: a field with a stepper, and for the batch the usual sizes at one click. */
import { useState } from 'preact/hooks';
import type { SymbolView } from '../../../src/protocol.ts';
import { t } from '../../l10n/index.ts';
import { setDim } from '../../state/actions.ts';
import { wantedDims } from '../../state/store.ts';
import { Icon } from '../icon.tsx';

const batchPresets = [1, 2, 4, 8, 16, 32] as const;
/** Larger than any model's; keeps a slip of the finger from asking for 10²⁰. */
const largestDim = 1_048_576;

export function DimField({ symbol }: { readonly symbol: SymbolView }) {
  const value = wantedDims.value[symbol.name] ?? symbol.value;
  const set = (next: number): void => {
    if (next >= 1 && next <= largestDim && next !== value) setDim(symbol.name, next);
  };
  return (
    <div class="field dim" role="group" aria-label={symbol.name} title={t('dim.hint', hintOf(symbol))}>
      <span class="field-label">{symbol.name}</span>
      <div class="stepper">
        <StepButton
          icon="remove"
          label={t('dim.less', { name: symbol.name })}
          onStep={() => set(value - 1)}
        />
        <NumberInput name={symbol.name} value={value} onValue={set} />
        <StepButton icon="add" label={t('dim.more', { name: symbol.name })} onStep={() => set(value + 1)} />
      </div>
      {symbol.isBatch && (
        <div class="presets">
          {batchPresets.map((preset) => (
            <button
              key={preset}
              type="button"
              aria-label={`${symbol.name} ${preset}`}
              aria-pressed={preset === value}
              onClick={() => set(preset)}
            >
              {preset}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function hintOf(symbol: SymbolView) {
  return { name: symbol.name, usedBy: symbol.usedBy, value: symbol.defaultValue };
}

interface StepButtonProps {
  readonly icon: string;
  readonly label: string;
  readonly onStep: () => void;
}

function StepButton({ icon, label, onStep }: StepButtonProps) {
  return (
    // The arrow keys of the field do the same: one stop for the Tab key is enough.
    <button type="button" tabIndex={-1} aria-label={label} title={label} onClick={onStep}>
      <Icon name={icon} />
    </button>
  );
}

interface NumberInputProps {
  readonly name: string;
  readonly value: number;
  readonly onValue: (value: number) => void;
}

/** Takes each whole number as it is typed; what is no number yet stays as text until the field is left. */
function NumberInput({ name, value, onValue }: NumberInputProps) {
  const [text, setText] = useState<string | undefined>(undefined);
  const typed = text === undefined ? undefined : parse(text);
  // Once another way of choosing (preset, stepper, host) has moved the value on, what was typed is past.
  const shown = text !== undefined && (typed === undefined || typed === value) ? text : String(value);
  return (
    <input
      type="text"
      inputMode="numeric"
      spellcheck={false}
      autocomplete="off"
      role="spinbutton"
      aria-label={name}
      aria-valuenow={value}
      aria-valuemin={1}
      aria-valuemax={largestDim}
      aria-invalid={parse(shown) === undefined}
      style={{ width: `${Math.max(4, shown.length + 2)}ch` }}
      value={shown}
      onFocus={(e) => e.currentTarget.select()}
      onInput={(e) => {
        setText(e.currentTarget.value);
        const next = parse(e.currentTarget.value);
        if (next !== undefined) onValue(next);
      }}
      onKeyDown={(e) => {
        const next = {
          ArrowUp: value + 1,
          ArrowDown: value - 1,
          PageUp: value * 2,
          PageDown: Math.floor(value / 2),
        }[e.key];
        if (next === undefined) return;
        e.preventDefault();
        setText(undefined);
        onValue(next);
      }}
      onBlur={() => setText(undefined)}
    />
  );
}

function parse(text: string): number | undefined {
  const value = /^\s*\d{1,7}\s*$/.test(text) ? Number(text) : 0;
  return value >= 1 && value <= largestDim ? value : undefined;
}
