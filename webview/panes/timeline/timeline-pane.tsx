/** Bytes held at each step of a run, by cause: where the peak is, and what makes it. */
import { useMemo, useState } from 'preact/hooks';
import { formatBytes } from '../../../src/format.ts';
import { t, wholeNumber } from '../../l10n/index.ts';
import { selectLayer } from '../../state/actions.ts';
import { budgetBytes, estimate, layers, patchView, selection, viewState } from '../../state/store.ts';
import { causes, type Cause } from '../../lib/causes.ts';
import { AliveList } from './alive-list.tsx';
import type { PlotEvents, PlotInput } from './plot-options.ts';
import { heldAt, peakStepOf } from './stack.ts';
import { TimelinePlot } from './timeline-plot.tsx';
import { type Hover, Tooltip } from './tooltip.tsx';

export function TimelinePane() {
  const current = estimate.value;
  const [hover, setHover] = useState<Hover | undefined>(undefined);
  const [pinned, setPinned] = useState<number | undefined>(undefined);
  const [isZoomed, setZoomed] = useState(false);
  const [resets, setResets] = useState(0);
  const { withWeights } = viewState.value;
  const input = useMemo<PlotInput | undefined>(
    () => plotInput(withWeights),
    [current, withWeights, budgetBytes.value],
  );
  if (current === undefined || input === undefined) return null;
  const { timeline } = current;
  const last = timeline.aliveBytes.length - 1;
  if (last < 0) return <p class="empty">{t('timeline.none')}</p>;
  const { peakStep } = input;
  const step = Math.min(last, pinned ?? peakStep);
  const pin = (next: number): void => {
    setPinned(next);
    const layer = layers.peek()[timeline.layerOfStep[next] ?? -1];
    if (layer !== undefined) selectLayer(layer.id);
  };
  const events: PlotEvents = { onHover: setHover, onClick: pin, onZoom: setZoomed };
  return (
    <>
      <div class="pane-tools">
        <span class="muted">
          {t('timeline.summary', {
            n: last + 1,
            peak: formatBytes(heldAt(timeline, peakStep)),
            step: peakStep + 1,
          })}
        </span>
        <Legend input={input} />
        <div class="selection-tools">
          {isZoomed && (
            <button type="button" class="button secondary small" onClick={() => setResets(resets + 1)}>
              {t('timeline.reset')}
            </button>
          )}
          <label class="check-item inline">
            <input
              type="checkbox"
              checked={withWeights}
              onChange={(e) => patchView({ withWeights: e.currentTarget.checked })}
            />
            {t('timeline.withWeights')}
          </label>
        </div>
      </div>
      <div
        class="plot-frame"
        role="slider"
        tabIndex={0}
        aria-label={t('timeline.label')}
        aria-valuemin={1}
        aria-valuemax={last + 1}
        aria-valuenow={step + 1}
        aria-valuetext={t('timeline.step', {
          step: wholeNumber(step + 1),
          bytes: formatBytes(heldAt(timeline, step)),
        })}
        title={t('timeline.hint')}
        onKeyDown={(e) => {
          const next = { ArrowRight: step + 1, ArrowLeft: step - 1, Home: 0, End: last }[e.key];
          if (next === undefined || next < 0 || next > last) return;
          e.preventDefault();
          pin(next);
        }}
      >
        <TimelinePlot input={input} events={events} marks={selection.value} resets={resets} />
        {hover !== undefined && <Tooltip at={hover} timeline={timeline} />}
      </div>
      <AliveList timeline={timeline} step={step} peakStep={peakStep} onPeak={() => pin(peakStep)} />
    </>
  );
}

/** The causes that are drawn. */
function Legend({ input }: { readonly input: PlotInput }) {
  const isShown: Readonly<Record<Cause['id'], boolean>> = {
    weights: input.weightBytes > 0,
    buffers: input.keptBuffersBytes > 0,
    overhead: input.overheadBytes > 0,
    activations: true,
    workspace: input.workspaceBytes.some((bytes) => bytes > 0),
  };
  return (
    <ul class="timeline-legend">
      {causes
        .filter((cause) => isShown[cause.id])
        .map(({ id, title, hint }) => (
          <li key={id} title={t(hint)}>
            <span class={`swatch cause-${id}`} />
            {t(title)}
          </li>
        ))}
    </ul>
  );
}

function plotInput(withWeights: boolean): PlotInput | undefined {
  const current = estimate.peek();
  if (current === undefined) return undefined;
  const { timeline, totals } = current;
  const budget = budgetBytes.peek();
  const weightBytes = withWeights ? (totals.deviceWeightsBytes ?? 0) : 0;
  const overheadBytes = withWeights ? (totals.overheadBytes ?? 0) : 0;
  const keptBuffersBytes = withWeights ? (totals.keptBuffersBytes ?? 0) : 0;
  const peakStep = peakStepOf(timeline);
  const peakBytes = heldAt(timeline, peakStep) + weightBytes + keptBuffersBytes + overheadBytes;
  return {
    aliveBytes: timeline.aliveBytes,
    workspaceBytes: timeline.workspaceBytes ?? [],
    weightBytes,
    keptBuffersBytes,
    overheadBytes,
    peakStep,
    budgetBytes: budget,
    peakLabel: t('timeline.peak', { bytes: formatBytes(peakBytes) }),
    budgetLabel: budget === undefined ? '' : t('timeline.budget', { bytes: formatBytes(budget) }),
    marked: () => chosenSteps(),
  };
}

function chosenSteps(): ReadonlySet<number> {
  const chosen = selection.peek();
  const rows = layers.peek();
  const steps = new Set<number>();
  estimate.peek()?.timeline.layerOfStep.forEach((layer, step) => {
    const row = rows[layer];
    if (row !== undefined && chosen.has(row.id)) steps.add(step);
  });
  return steps;
}
