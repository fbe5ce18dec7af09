/** What goes beyond the estimate of one run: measuring it here, training, the cards that hold it. */
import type { EstimateView, MeasurementView } from '../../../src/protocol.ts';
import { formatBytes } from '../../../src/format.ts';
import { epTitle } from '../../lib/ep-title.ts';
import { signedPercent } from '../../lib/quantity.ts';
import { t, wholeNumber } from '../../l10n/index.ts';
import { findLargestBatch, measure } from '../../state/runs.ts';
import { isTrusted, measurement } from '../../state/store.ts';
import { Icon } from '../icon.tsx';
import { Popover } from '../popover.tsx';
import { CardsPanel } from './cards-panel.tsx';
import { TrainingPanel } from './training-panel.tsx';

export function RunTools({ current }: { readonly current: EstimateView }) {
  const canRun = isTrusted.value;
  const hasBatch = current.symbols.some((s) => s.isBatch);
  const hint = (text: string): string => (canRun ? text : t('action.check.untrusted'));
  return (
    <div class="run-tools">
      <button
        type="button"
        class="button secondary small"
        disabled={!canRun}
        title={hint(t('measure.hint'))}
        onClick={measure}
      >
        <Icon name="pulse" /> {t('measure.button')}
      </button>
      {hasBatch && (
        <button
          type="button"
          class="button secondary small"
          disabled={!canRun}
          title={hint(t('findLargest.hint'))}
          onClick={findLargestBatch}
        >
          <Icon name="dashboard" /> {t('findLargest.button')}
        </button>
      )}
      <Popover
        face={<Face icon="mortar-board" text={t('training.button')} />}
        label={t('training.title')}
        faceText={t('training.button')}
        buttonClass="button secondary small"
      >
        {() => <TrainingPanel />}
      </Popover>
      <Popover
        face={<Face icon="circuit-board" text={t('cards.button')} />}
        label={t('cards.title')}
        faceText={t('cards.button')}
        buttonClass="button secondary small"
      >
        {() => <CardsPanel />}
      </Popover>
      <Measured view={measurement.value} current={current} />
    </div>
  );
}

function Face({ icon, text }: { readonly icon: string; readonly text: string }) {
  return (
    <>
      <Icon name={icon} /> {text}
    </>
  );
}

interface MeasuredProps {
  readonly view: MeasurementView | undefined;
  readonly current: EstimateView;
}

/** Beside the prediction for the same run, which is not what is shown now where dims or EP were changed. */
function Measured({ view, current }: MeasuredProps) {
  if (view === undefined) return null;
  const isNow = view.ep === current.ep && current.symbols.every((s) => view.dims[s.name] === s.value);
  const { peakBytes, predictedBytes, source } = view;
  const at = [...Object.entries(view.dims).map(([name, n]) => `${name} ${wholeNumber(n)}`), epTitle(view.ep)];
  return (
    <p class="measured" role="status" title={detailOf(view)}>
      <Icon name="pass" />
      {t('measured.text', {
        measured: peakBytes === undefined ? t('unknown') : formatBytes(peakBytes),
        predicted: predictedBytes === undefined ? t('unknown') : formatBytes(predictedBytes),
      })}
      {peakBytes !== undefined && peakBytes > 0 && predictedBytes !== undefined && (
        <span class="muted"> ({signedPercent(peakBytes, predictedBytes)})</span>
      )}
      <span class="muted">
        {' '}
        · {source}
        {!isNow && ` · ${t('measured.at', { at: at.join(', ') })}`}
      </span>
    </p>
  );
}

function detailOf({ nodes, milliseconds, processBytes, placement }: MeasurementView): string {
  const lines = [
    t('measured.nodes', { n: nodes, ms: milliseconds.toFixed(1) }),
    ...Object.entries(placement).map(([ep, n]) => `${epTitle(ep)} ×${n}`),
  ];
  if (processBytes !== undefined) lines.push(t('measured.process', { bytes: formatBytes(processBytes) }));
  return lines.join('\n');
}
