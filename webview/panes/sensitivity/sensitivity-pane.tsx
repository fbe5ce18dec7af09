/** What pruning each layer alone costs, at several ratios: a small picture for each layer, and all figures as a table. */
import type { SensitivityView } from '../../../src/protocol.ts';
import { Icon } from '../../components/icon.tsx';
import { t, type TextKey } from '../../l10n/index.ts';
import { measureUsual, stopSensitivity } from '../../state/sensitivity.ts';
import { isTrusted, layers, sensitivity } from '../../state/store.ts';
import { KeepWithin } from './keep-within.tsx';
import { SensitivityPlots } from './sensitivity-plots.tsx';
import { SensitivityTable } from './sensitivity-table.tsx';

export function SensitivityPane() {
  const view = sensitivity.value;
  if (view === undefined) return <Empty />;
  return (
    <div class="sensitivity">
      <Tools view={view} />
      <p class="muted">{explanation(view)}</p>
      {view.state !== 'running' && view.original !== undefined && <KeepWithin view={view} />}
      <SensitivityPlots view={view} />
      <SensitivityTable view={view} />
    </div>
  );
}

function explanation({ measure, samples, data, ep }: SensitivityView): string {
  if (samples === 0) return t('sensitivity.waiting');
  const of = { data, ep };
  return measure === 'accuracy' ? t('sensitivity.accuracy', of) : t('sensitivity.similarity', of);
}

const states: Readonly<Record<SensitivityView['state'], TextKey>> = {
  running: 'sensitivity.running',
  done: 'sensitivity.done',
  stopped: 'sensitivity.stopped',
};

function Tools({ view }: { readonly view: SensitivityView }) {
  const { state, done, total, what } = view;
  return (
    <div class="pane-tools">
      <span role="status">{t(states[state], { what, done, total })}</span>
      <div class="selection-tools">
        {state === 'running' ? (
          <>
            <progress max={total} value={done} aria-label={t('sensitivity.progress')} />
            <button type="button" class="button secondary small" onClick={stopSensitivity}>
              {t('sensitivity.stop')}
            </button>
          </>
        ) : (
          <MeasureButton />
        )}
      </div>
    </div>
  );
}

function Empty() {
  return (
    <div class="empty">
      <Icon name="graph-line" />
      <p class="empty-text">{t('sensitivity.empty')}</p>
      <MeasureButton />
    </div>
  );
}

function MeasureButton() {
  return (
    <button
      type="button"
      class="button"
      title={t(isTrusted.value ? 'sensitivity.hint' : 'action.check.untrusted')}
      disabled={!isTrusted.value || !layers.value.some((l) => l.canPrune)}
      onClick={measureUsual}
    >
      {t('sensitivity.measure')}
    </button>
  );
}
