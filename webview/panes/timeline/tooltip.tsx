/** What the step under the mouse is, and its largest tensors. */
import type { TimelineView } from '../../../src/protocol.ts';
import { Amount } from '../../components/amount.tsx';
import { t, wholeNumber } from '../../l10n/index.ts';
import { layers } from '../../state/store.ts';
import { aliveAt } from './alive.ts';
import { heldAt } from './stack.ts';

export interface Hover {
  readonly step: number;
  /** Pixels in the frame. */
  readonly left: number;
  readonly top: number;
}

const shownTensors = 5;

export function Tooltip({ at, timeline }: { readonly at: Hover; readonly timeline: TimelineView }) {
  const bytes = heldAt(timeline, at.step);
  const workspaceBytes = timeline.workspaceBytes?.[at.step] ?? 0;
  const layer = layers.value[timeline.layerOfStep[at.step] ?? -1];
  const tensors = aliveAt(timeline, at.step)?.slice(0, shownTensors) ?? [];
  return (
    <div
      class={`tooltip ${at.step > timeline.aliveBytes.length / 2 ? 'left' : ''}`}
      style={{ left: `${at.left}px`, top: `${at.top}px` }}
    >
      <p class="tooltip-title">
        {layer?.name ?? timeline.nodes[at.step]}
        {layer !== undefined && <span class="muted"> {layer.opType}</span>}
      </p>
      <p class="tooltip-line">
        <span class="muted">
          {t('timeline.stepOf', {
            step: wholeNumber(at.step + 1),
            n: wholeNumber(timeline.aliveBytes.length),
          })}
        </span>{' '}
        <Amount value={bytes} />
      </p>
      {tensors.map((tensor) => (
        <p key={tensor.name} class="tooltip-line">
          <span class="muted tensor-name">{tensor.name}</span> <Amount value={tensor.bytes} />
        </p>
      ))}
      {workspaceBytes > 0 && (
        <p class="tooltip-line">
          <span class="muted">{t('cause.workspace')}</span> <Amount value={workspaceBytes} />
        </p>
      )}
    </div>
  );
}
