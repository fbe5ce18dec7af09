/** What a run takes with the edit, as a share of what it takes without. */
import type { LatencyView } from '../../src/protocol.ts';
import { t } from '../l10n/index.ts';

/** Below this, a prediction says no more than that it is the same. */
const sameWithin = 0.02;

export function latencyText({ share }: { readonly share: number }): string {
  if (Math.abs(1 - share) < sameWithin) return t('latency.same');
  const n = Math.round(100 * Math.abs(1 - share));
  return t(share < 1 ? 'latency.less' : 'latency.more', { n });
}

/** By what it was predicted, or why it was not. */
export function latencyHint(view: LatencyView): string {
  if (view.unknown !== undefined) return t(view.unknown === 'ep' ? 'latency.ep' : 'latency.kernels');
  return view.batchSize === undefined ? t('latency.cost') : t('latency.profile', { n: view.batchSize });
}

/** A row of the preview's figures. */
export function Latency({ view }: { readonly view: LatencyView }) {
  return (
    <div class="preview-latency">
      <dt>{t('latency.title')}</dt>
      <dd>
        {view.unknown === undefined ? latencyText(view) : t('latency.unknown')}
        <p class="muted">
          {latencyHint(view)}
          {view.unknown === undefined && view.share > 1 + sameWithin && ` ${t('latency.slower')}`}
        </p>
      </dd>
    </div>
  );
}
