/** The peak and what it is made of; before and after where the recipe has edits. */
import { Fragment } from 'preact';
import { formatBytes } from '../../../src/format.ts';
import type { EstimateView, TotalsView } from '../../../src/protocol.ts';
import { selectLayer } from '../../state/actions.ts';
import { isEarly, laterPeak, patchView } from '../../state/store.ts';
import { t, wholeNumber } from '../../l10n/index.ts';
import { causesOf, peakOf } from '../../lib/causes.ts';
import { Amount } from '../amount.tsx';
import { Percent } from '../change.tsx';
import { StackedBar } from '../stacked-bar.tsx';
import { epTitle } from '../../lib/ep-title.ts';
import { RunTools } from './run-tools.tsx';

export function Peak({ current }: { readonly current: EstimateView }) {
  const { totals, before } = current;
  const after = isEarly.value ? unknownYet : peakOf(totals);
  const was = before === undefined ? undefined : peakOf(before);
  const scale = Math.max(after.bytes ?? 0, was?.bytes ?? 0);
  return (
    <div class="peak">
      <h2 class="peak-title">
        {t('peak.title')}
        <span class="muted peak-at">{conditions(current)}</span>
        <Notes notes={totals.notes} />
      </h2>
      <p class="headline" title={totals.notes.join('\n')}>
        {was !== undefined && (
          <>
            <span class="before">
              <Amount value={was.bytes} isAtLeast={was.isAtLeast} />
            </span>
            <span class="arrow"> → </span>
          </>
        )}
        <span class="big">
          <Amount
            value={after.bytes}
            isAtLeast={after.isAtLeast}
            hint={after.isAtLeast ? t('atLeast.hint') : undefined}
          />
        </span>
        {was !== undefined && after.bytes !== undefined && <Percent before={was.bytes} after={after.bytes} />}
      </p>
      {before !== undefined && <StackedBar totals={before} scale={scale} label={t('peak.before')} isFaded />}
      <StackedBar totals={totals} scale={scale} label={t('peak.after')} />
      <Legend totals={totals} before={before} />
      <PeakStep current={current} />
      <RunTools current={current} />
    </div>
  );
}

const unknownYet = { bytes: undefined, isAtLeast: false };

function conditions({ symbols, ep }: EstimateView): string {
  const dims = symbols.map((s) => `${s.name} ${wholeNumber(s.value)}`);
  return [...dims, epTitle(ep)].join(' · ');
}

function Notes({ notes }: { readonly notes: readonly string[] }) {
  if (notes.length === 0) return null;
  return (
    <span
      class="notes codicon codicon-info"
      role="img"
      title={notes.join('\n')}
      aria-label={notes.join('. ')}
    />
  );
}

/** Where the activations are the most. */
function PeakStep({ current }: { readonly current: EstimateView }) {
  const { timeline, layers } = current;
  const node = timeline.nodes[timeline.peakStep];
  if (isEarly.value) return <p class="peak-step muted">{t('working')}</p>;
  if (node === undefined) return null;
  const layer = layers[timeline.layerOfStep[timeline.peakStep] ?? -1];
  return (
    <p class="peak-step">
      {t('peak.step', { step: wholeNumber(timeline.peakStep + 1), n: wholeNumber(timeline.nodes.length) })}{' '}
      <button
        type="button"
        class="link"
        title={t('peak.toTimeline')}
        onClick={() => {
          patchView({ tab: 'timeline' });
          if (layer !== undefined) selectLayer(layer.id);
        }}
      >
        {layer?.name ?? node}
      </button>
      <LaterRuns />
    </p>
  );
}

function LaterRuns() {
  const bytes = laterPeak.value;
  if (bytes === undefined) return null;
  return (
    <span class="later-runs" title={t('peak.later.hint')}>
      {' · '}
      {t('peak.later', { bytes: formatBytes(bytes) })}
    </span>
  );
}

interface LegendProps {
  readonly totals: TotalsView;
  readonly before: TotalsView | undefined;
}

function Legend({ totals, before }: LegendProps) {
  return (
    <dl class="legend">
      {causesOf(totals, before).map((cause) => {
        const bytes = cause.bytes(totals);
        const was = before === undefined ? bytes : cause.bytes(before);
        return (
          <div key={cause.id} title={t(cause.hint)}>
            <dt>
              <span class={`swatch cause-${cause.id}`} />
              {t(cause.title)}
            </dt>
            <dd>
              {was !== bytes && (
                <Fragment>
                  <span class="before">
                    <Amount value={was} />
                  </span>
                  <span class="arrow"> → </span>
                </Fragment>
              )}
              <Amount value={bytes} />
            </dd>
          </div>
        );
      })}
    </dl>
  );
}
