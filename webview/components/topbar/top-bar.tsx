/** The bar that drives everything: dims, EP, budget; and whether it fits, always in sight. */
import { t } from '../../l10n/index.ts';
import { setEp } from '../../state/actions.ts';
import { estimate, isEarly, opened, pending, wantedEp } from '../../state/store.ts';
import { epTitle } from '../../lib/ep-title.ts';
import { BudgetSelect } from './budget-select.tsx';
import { DimField } from './dim-field.tsx';
import { FitGauge } from './fit-gauge.tsx';

export function TopBar() {
  const isWorking = pending.value > 0 || isEarly.value;
  const symbols = estimate.value?.symbols ?? [];
  const ordered = [...symbols].sort((a, b) => Number(b.isBatch) - Number(a.isBatch));
  return (
    <header class="top-bar" aria-label={t('topbar.label')}>
      <div class="controls">
        {ordered.map((symbol) => (
          <DimField key={symbol.name} symbol={symbol} />
        ))}
        <EpSelect />
        <BudgetSelect />
      </div>
      <FitGauge />
      <div class={`progress ${isWorking ? 'running' : ''}`} role="status" aria-live="polite">
        <span class="sr-only">{isWorking ? t('working') : ''}</span>
      </div>
    </header>
  );
}

function EpSelect() {
  if (opened.value.kind !== 'model') return null;
  const chosen = wantedEp.value ?? estimate.value?.ep ?? '';
  return (
    <label class="field" title={t('ep.hint')}>
      <span class="field-label">{t('ep.label')}</span>
      <span class="select">
        <select value={chosen} onChange={(e) => setEp(e.currentTarget.value)}>
          {opened.value.view.eps.map((ep) => (
            <option key={ep} value={ep} selected={ep === chosen}>
              {epTitle(ep)}
            </option>
          ))}
        </select>
        <span class="codicon codicon-chevron-down" aria-hidden="true" />
      </span>
    </label>
  );
}
