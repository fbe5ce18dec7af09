/** The tensors alive at the chosen step, or at the peak, and the scratch space beside them. */
import type { TimelineView } from '../../../src/protocol.ts';
import { Amount } from '../../components/amount.tsx';
import { t, wholeNumber } from '../../l10n/index.ts';
import { sharePercent } from '../../lib/quantity.ts';
import { selectLayer } from '../../state/actions.ts';
import { layers } from '../../state/store.ts';
import { aliveAt, type Alive } from './alive.ts';
import { heldAt } from './stack.ts';

export interface AliveListProps {
  readonly timeline: TimelineView;
  readonly step: number;
  readonly peakStep: number;
  readonly onPeak: () => void;
}

export function AliveList({ timeline, step, peakStep, onPeak }: AliveListProps) {
  const isPeak = step === peakStep;
  const all = heldAt(timeline, step);
  const workspaceBytes = timeline.workspaceBytes?.[step] ?? 0;
  const layer = layers.value[timeline.layerOfStep[step] ?? -1];
  const tensors = aliveAt(timeline, step);
  const listed = (tensors ?? []).reduce((sum, tensor) => sum + tensor.bytes, 0);
  const smaller = (timeline.aliveBytes[step] ?? 0) - listed;
  const row = (tensor: Alive) => <Tensor key={tensor.name} tensor={tensor} all={all} />;
  return (
    <section class="alive" aria-label={t('timeline.alive')}>
      <h2>
        {isPeak ? t('timeline.atPeak') : t('timeline.atStep', { step: wholeNumber(step + 1) })}
        <Amount value={all} />
        {layer !== undefined && (
          <button
            type="button"
            class="link"
            title={t('timeline.toLayer')}
            onClick={() => selectLayer(layer.id, { showTable: true })}
          >
            {layer.name}
          </button>
        )}
        {!isPeak && (
          <button type="button" class="button secondary small" onClick={onPeak}>
            {t('timeline.toPeak')}
          </button>
        )}
      </h2>
      {tensors === undefined ? (
        <p class="muted">{t('timeline.onlyPeak')}</p>
      ) : (
        <ul>
          {tensors.filter((tensor) => tensor.bytes >= workspaceBytes).map(row)}
          {workspaceBytes > 0 && <Workspace bytes={workspaceBytes} all={all} />}
          {tensors.filter((tensor) => tensor.bytes < workspaceBytes).map(row)}
          {smaller > 0 && (
            <li class="muted">
              {t('timeline.smaller')} <Amount value={smaller} />
            </li>
          )}
        </ul>
      )}
    </section>
  );
}

function Workspace({ bytes, all }: { readonly bytes: number; readonly all: number }) {
  return (
    <li title={t('cause.workspace.hint')}>
      <span class="cell-bar cause-workspace" style={{ width: `${(100 * bytes) / all}%` }} />
      <span class="tensor-name">{t('cause.workspace')}</span>
      <span />
      <Amount value={bytes} />
      <span class="muted tensor-share">{sharePercent(bytes, all)}</span>
    </li>
  );
}

function Tensor({ tensor, all }: { readonly tensor: Alive; readonly all: number }) {
  const { producer } = tensor;
  const layer = layers.value.find((row) => producer !== undefined && row.nodes?.includes(producer) === true);
  return (
    <li>
      <span
        class="cell-bar cause-activations"
        style={{ width: `${all === 0 ? 0 : (100 * tensor.bytes) / all}%` }}
      />
      <span class="tensor-name" title={tensor.name}>
        {tensor.name}
      </span>
      {producer === undefined ? (
        <span class="muted">{t('timeline.input')}</span>
      ) : (
        <button
          type="button"
          class="link"
          title={t('timeline.toLayer')}
          disabled={layer === undefined}
          onClick={() => {
            if (layer !== undefined) selectLayer(layer.id, { showTable: true });
          }}
        >
          {layer?.name ?? producer}
        </button>
      )}
      <Amount value={tensor.bytes} />
      <span class="muted tensor-share">{sharePercent(tensor.bytes, all)}</span>
    </li>
  );
}
