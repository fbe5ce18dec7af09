/** The memory to stay within: GPUs of this machine, common cards, or a size of one's own. */
import { useState } from 'preact/hooks';
import { formatBytes } from '../../../src/format.ts';
import { t } from '../../l10n/index.ts';
import { commonCards, gib, parseBudget } from '../../lib/budgets.ts';
import { setBudget } from '../../state/actions.ts';
import { budgetBytes, devices } from '../../state/store.ts';
import { Icon } from '../icon.tsx';
import { Popover } from '../popover.tsx';

export function BudgetSelect() {
  const bytes = budgetBytes.value;
  const text = bytes === undefined ? t('budget.choose') : formatBytes(bytes);
  return (
    <div class="field">
      <span class="field-label">{t('budget.label')}</span>
      <Popover
        label={t('budget.title')}
        faceText={text}
        face={
          <>
            <span class="face-text">{text}</span>
            <Icon name="chevron-down" />
          </>
        }
      >
        {(close) => <BudgetPanel close={close} />}
      </Popover>
    </div>
  );
}

function BudgetPanel({ close }: { readonly close: () => void }) {
  const choose = (bytes: number): void => {
    setBudget(bytes);
    close();
  };
  return (
    <div class="budget-panel">
      <h3>{t('budget.devices')}</h3>
      {devices.value.length === 0 && <p class="muted">{t('budget.noDevices')}</p>}
      <div role="radiogroup" aria-label={t('budget.devices')}>
        {devices.value.map((d) => (
          <BudgetOption key={d.name} bytes={d.vramBytes} detail={d.name} onChoose={choose} />
        ))}
      </div>
      <h3>{t('budget.common')}</h3>
      <div role="radiogroup" aria-label={t('budget.common')}>
        {commonCards.map((card) => (
          <BudgetOption key={card.gib} bytes={card.gib * gib} detail={card.examples} onChoose={choose} />
        ))}
      </div>
      <h3>{t('budget.custom')}</h3>
      <CustomBudget onChoose={choose} />
    </div>
  );
}

interface BudgetOptionProps {
  readonly bytes: number;
  readonly detail: string;
  readonly onChoose: (bytes: number) => void;
}

function BudgetOption({ bytes, detail, onChoose }: BudgetOptionProps) {
  return (
    <button
      type="button"
      class="menu-item"
      role="radio"
      aria-checked={bytes === budgetBytes.value}
      onClick={() => onChoose(bytes)}
    >
      <span class="budget-size">{formatBytes(bytes)}</span>
      <span class="muted">{detail}</span>
    </button>
  );
}

function CustomBudget({ onChoose }: { readonly onChoose: (bytes: number) => void }) {
  const [text, setText] = useState('');
  const bytes = parseBudget(text);
  return (
    <form
      class="custom-budget"
      onSubmit={(e) => {
        e.preventDefault();
        if (bytes !== undefined) onChoose(bytes);
      }}
    >
      <input
        class="text-input"
        type="text"
        spellcheck={false}
        aria-label={t('budget.custom')}
        aria-invalid={text !== '' && bytes === undefined}
        placeholder={t('budget.placeholder')}
        value={text}
        onInput={(e) => setText(e.currentTarget.value)}
      />
      <button type="submit" class="button secondary" disabled={bytes === undefined}>
        {t('budget.use')}
      </button>
    </form>
  );
}
