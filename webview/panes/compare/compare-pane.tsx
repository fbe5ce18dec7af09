/** Original and edited model side by side: what saved what, and each changed layer before and after. */
import type { EstimateView } from '../../../src/protocol.ts';
import { t } from '../../l10n/index.ts';
import { causes, peakOf } from '../../lib/causes.ts';
import { compareWithOriginal } from '../../state/actions.ts';
import { estimate, patchView } from '../../state/store.ts';
import { Icon } from '../../components/icon.tsx';
import { epTitle } from '../../lib/ep-title.ts';
import { ChangedLayers } from './changed-layers.tsx';
import { Waterfall } from './waterfall.tsx';

export function ComparePane() {
  const current = estimate.value;
  if (current === undefined) return null;
  if (current.edits.length === 0 || current.before === undefined) return <Empty />;
  return (
    <div class="compare">
      <PeakWaterfall current={current} />
      <WeightsWaterfall current={current} />
      <section class="block wide" aria-label={t('compare.layers')}>
        <h2>
          {t('compare.layers')}
          <button type="button" class="button secondary small" onClick={() => void compareWithOriginal()}>
            <Icon name="diff" /> {t('action.compare')}
          </button>
        </h2>
        <ChangedLayers rows={current.layers.filter((row) => row.change !== undefined)} />
      </section>
    </div>
  );
}

function Empty() {
  return (
    <div class="empty">
      <Icon name="diff" />
      <p>{t('compare.empty')}</p>
      <button
        type="button"
        class="button"
        onClick={() => patchView({ tab: 'layers', kind: 'quantizable', filter: '' })}
      >
        {t('compare.toLayers')}
      </button>
    </div>
  );
}

function PeakWaterfall({ current }: { readonly current: EstimateView }) {
  const { before, totals } = current;
  if (before === undefined) return null;
  const deltas = causes.map((cause) => ({
    label: t(cause.title),
    delta: (cause.bytes(totals) ?? 0) - (cause.bytes(before) ?? 0),
  }));
  // The four causes are taken each at its own worst; where they do not add up to the peak, a last step says so.
  const rest = peakOf(totals).bytes - peakOf(before).bytes - deltas.reduce((sum, d) => sum + d.delta, 0);
  return (
    <Waterfall
      title={t('compare.peak', { ep: epTitle(current.ep) })}
      before={peakOf(before).bytes}
      after={peakOf(totals).bytes}
      deltas={[...deltas, { label: t('compare.rest'), delta: rest }]}
    />
  );
}

function WeightsWaterfall({ current }: { readonly current: EstimateView }) {
  const { before, totals, layers } = current;
  if (before === undefined) return null;
  const deltas = layers.flatMap((row) =>
    row.change === undefined
      ? []
      : [{ label: row.name, delta: row.change.afterBytes - row.change.beforeBytes }],
  );
  const rest = totals.parameterBytes - before.parameterBytes - deltas.reduce((sum, d) => sum + d.delta, 0);
  return (
    <Waterfall
      title={t('compare.weights')}
      before={before.parameterBytes}
      after={totals.parameterBytes}
      deltas={[...deltas, { label: t('compare.rest'), delta: rest }]}
    />
  );
}
