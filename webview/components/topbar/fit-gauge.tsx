/** Whether the model fits the budget at the chosen dims, by how much, and the largest batch that would. */
import { formatBytes, formatPercent } from '../../../src/format.ts';
import type { TotalsView } from '../../../src/protocol.ts';
import { t, wholeNumber } from '../../l10n/index.ts';
import { peakOf } from '../../lib/causes.ts';
import { setDim } from '../../state/actions.ts';
import { budgetBytes, estimate, isEarly, largest, laterPeak } from '../../state/store.ts';
import { Icon } from '../icon.tsx';
import { StackedBar } from '../stacked-bar.tsx';

type Fit = 'fits' | 'over' | 'unknown';

/** What is to fit: the run that holds the most. */
function neededOf(totals: TotalsView): ReturnType<typeof peakOf> {
  const { bytes, isAtLeast } = peakOf(totals);
  return { bytes: Math.max(bytes, laterPeak.value ?? 0), isAtLeast };
}

/** A lower bound above the budget is an answer; one below it is none. */
function fitOf(peak: ReturnType<typeof peakOf>, budget: number): Fit {
  if (peak.bytes > budget) return 'over';
  return peak.isAtLeast ? 'unknown' : 'fits';
}

const icons: Readonly<Record<Fit, string>> = { fits: 'pass-filled', over: 'error', unknown: 'question' };
const words = { fits: 'fit.yes', over: 'fit.no', unknown: 'fit.unknown' } as const;

export function FitGauge() {
  const totals = estimate.value?.totals;
  const budget = budgetBytes.value;
  if (totals === undefined) return null;
  if (isEarly.value) return <Early totals={totals} />;
  if (budget === undefined) {
    return (
      <div class="fit none" title={t('fit.none.hint')}>
        <Icon name="dashboard" />
        <span class="muted">{t('fit.none')}</span>
      </div>
    );
  }
  const needed = neededOf(totals);
  const fit = fitOf(needed, budget);
  const { bytes, isAtLeast } = needed;
  const peak = `${isAtLeast ? '≥ ' : ''}${formatBytes(bytes)}`;
  return (
    <div class={`fit ${fit}`} role="group" aria-label={t('fit.label')}>
      <div class="fit-line" role="status">
        <span class="fit-word" title={fit === 'unknown' ? t('fit.unknown.hint') : undefined}>
          <Icon name={icons[fit]} />
          {t(words[fit])}
        </span>{' '}
        <span class="fit-figures">
          {t('fit.of', { peak, budget: formatBytes(budget) })}
          <span class="muted"> · {shareText(bytes / budget)}</span>
        </span>
        <LargestBatch />
      </div>
      <div class="fit-bar">
        <StackedBar totals={totals} scale={Math.max(budget, bytes)} label={t('fit.bar')} />
        {bytes > budget && <span class="budget-mark" style={{ left: `${(100 * budget) / bytes}%` }} />}
      </div>
    </div>
  );
}

/** As high as what is to come. */
function Early({ totals }: { readonly totals: TotalsView }) {
  return (
    <div class="fit">
      <div class="fit-line">
        <span class="fit-word muted">
          <Icon name="watch" />
          {t('working')}
        </span>
        <span class="fit-figures">&nbsp;</span>
      </div>
      <div class="fit-bar">
        <StackedBar totals={totals} scale={0} label={t('fit.bar')} />
      </div>
    </div>
  );
}

function shareText(share: number): string {
  if (share > 0 && share < 0.001) return `< ${formatPercent(0.001)}`;
  return share >= 10 ? `${wholeNumber(Math.round(share))} ×` : formatPercent(Math.round(share * 1000) / 1000);
}

function LargestBatch() {
  const batch = estimate.value?.symbols.find((s) => s.isBatch);
  const state = largest.value;
  if (batch === undefined || state.kind === 'none') return null;
  if (state.kind === 'pending') return <span class="muted fit-largest">…</span>;
  const { batch: size, note } = state.view;
  if (size === undefined) {
    return (
      <span class="muted fit-largest" title={note}>
        {note ?? t('fit.noBatch')}
      </span>
    );
  }
  return (
    <button
      type="button"
      class="link fit-largest"
      title={note ?? t('fit.largest.hint', { name: batch.name })}
      onClick={() => setDim(batch.name, size)}
    >
      {t('fit.largest', { name: batch.name, size: wholeNumber(size) })}
    </button>
  );
}
