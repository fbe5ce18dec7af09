/** What the model is and what it costs, at a glance. */
import type { EstimateView, ModelView } from '../../../src/protocol.ts';
import { t } from '../../l10n/index.ts';
import { estimate, isEarly, model, patchView, viewState } from '../../state/store.ts';
import { Amount } from '../amount.tsx';
import { Change } from '../change.tsx';
import { Icon } from '../icon.tsx';
import { peakOf } from '../../lib/causes.ts';
import { Facts } from './facts.tsx';
import { Peak } from './peak.tsx';

export function Summary() {
  const view = model.value;
  const current = estimate.value;
  if (view === undefined || current === undefined) return null;
  const isOpen = viewState.value.isSummaryOpen;
  const toggle = isOpen ? t('summary.hide') : t('summary.show');
  return (
    <section
      class={`summary ${isOpen ? 'open' : 'closed'}`}
      aria-label={t('summary.label')}
      inert={isEarly.value}
    >
      <button
        type="button"
        class="icon-button summary-toggle"
        aria-expanded={isOpen}
        aria-label={toggle}
        title={toggle}
        onClick={() => patchView({ isSummaryOpen: !isOpen })}
      >
        <Icon name={isOpen ? 'chevron-down' : 'chevron-right'} />
      </button>
      {isOpen ? (
        <>
          <Peak current={current} />
          <Facts model={view} current={current} />
        </>
      ) : (
        <OneLine model={view} current={current} />
      )}
    </section>
  );
}

function OneLine({ model: view, current }: { readonly model: ModelView; readonly current: EstimateView }) {
  const after = peakOf(current.totals);
  const before = current.before === undefined ? undefined : peakOf(current.before);
  return (
    <p class="one-line">
      <strong>{view.fileName}</strong>
      <span>
        <span class="muted">{t('peak.title')} </span>
        {before === undefined ? (
          <Amount value={isEarly.value ? undefined : after.bytes} isAtLeast={after.isAtLeast} />
        ) : (
          <Change before={before.bytes} after={after.bytes} isAtLeast={after.isAtLeast} />
        )}
      </span>
      <span>
        <span class="muted">{t('fact.parameters')} </span>
        <Amount value={current.totals.parameterCount} kind="count" />
      </span>
      <span>
        <span class="muted">{t('fact.weights')} </span>
        <Amount value={current.totals.parameterBytes} />
      </span>
    </p>
  );
}
