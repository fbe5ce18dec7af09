/** The distribution of the chosen layer's weights: asked for only while it is open, since it reads all of them. */
import { formatCount } from '../../src/format.ts';
import type { WeightsView } from '../../src/protocol.ts';
import { Icon } from '../components/icon.tsx';
import { t, type TextKey } from '../l10n/index.ts';
import { decibels, sharePercent } from '../lib/quantity.ts';
import { useAnswer, type Answer } from '../state/answer.ts';
import { estimate, patchView, viewState } from '../state/store.ts';

const unknownAfter: Readonly<Record<NonNullable<WeightsView['unknownAfter']>, TextKey>> = {
  'needs-data': 'spread.unknownAfter.needs-data',
  rescaled: 'spread.unknownAfter.rescaled',
};

export function WeightSpread({ layerId }: { readonly layerId: string }) {
  const isOpen = viewState.value.isSpreadOpen;
  return (
    <div class="spread">
      <button
        type="button"
        class="spread-toggle"
        aria-expanded={isOpen}
        onClick={() => patchView({ isSpreadOpen: !isOpen })}
      >
        <Icon name={isOpen ? 'chevron-down' : 'chevron-right'} />
        {t('spread.title')}
      </button>
      {isOpen && <Spread layerId={layerId} />}
    </div>
  );
}

function Spread({ layerId }: { readonly layerId: string }) {
  const answer = useWeights(layerId);
  if (answer.kind === 'pending')
    return (
      <p class="muted side-hint" role="status">
        {t('spread.reading')}
      </p>
    );
  if (answer.kind === 'failed')
    return (
      <p class="error-text" role="alert">
        {answer.message}
      </p>
    );
  if (answer.view === undefined) return <p class="muted side-hint">{t('spread.none')}</p>;
  return <Known view={answer.view} />;
}

function useWeights(layerId: string): Answer<WeightsView | undefined> {
  // dims and EP change no weight, edits do
  const edits = JSON.stringify(estimate.value?.edits.map((e) => [e.label, e.layerIds]));
  return useAnswer((h) => h.weights(layerId), [layerId, edits], true);
}

function Known({ view }: { readonly view: WeightsView }) {
  const { tensor, shape, count, zeros, notFinite, min, max, mean, deviation, after } = view;
  const facts: readonly (readonly [TextKey, string])[] = [
    ['spread.tensor', `${tensor} · ${shape}`],
    ['spread.range', `${figure(min)} … ${figure(max)}`],
    ['spread.mean', `${figure(mean)} ± ${figure(deviation)}`],
    ['spread.zeros', `${formatCount(zeros)} (${sharePercent(zeros, count)})`],
  ];
  return (
    <>
      <Bars view={view} />
      {view.unknownAfter !== undefined && <p class="muted side-hint">{t(unknownAfter[view.unknownAfter])}</p>}
      <dl class="fact-list">
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt>{t(label)}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        {notFinite > 0 && (
          <div>
            <dt>{t('spread.notFinite')}</dt>
            <dd class="error-text">{formatCount(notFinite)}</dd>
          </div>
        )}
        {after !== undefined && (
          <>
            <div>
              <dt>{t('spread.sqnr')}</dt>
              <dd>{after.sqnrDb === 'inf' ? t('spread.exact') : decibels(after.sqnrDb)}</dd>
            </div>
            {after.steps !== undefined && (
              <div>
                <dt title={t('spread.step.hint')}>{t('spread.step')}</dt>
                <dd>{stepText(after.steps)}</dd>
              </div>
            )}
          </>
        )}
      </dl>
    </>
  );
}

function stepText({ min, max }: { readonly min: number; readonly max: number }): string {
  return min === max ? figure(min) : `${figure(min)} … ${figure(max)}`;
}

const figure = (value: number): string => value.toPrecision(3).replace('-', '−');

const height = 64;
/** Marks of the values that a scale allows. */
const tick = 6;

/** Heights by their root, so that tails are seen beside the middle. */
function Bars({ view: { counts, after, min, max } }: { readonly view: WeightsView }) {
  const most = Math.max(1, ...counts, ...(after?.counts ?? []));
  const path = (list: readonly number[]): string =>
    `M0 ${height}${list
      .map((n, i) => {
        const y = (height * (1 - Math.sqrt(n / most))).toFixed(1);
        return `L${i} ${y}L${i + 1} ${y}`;
      })
      .join('')}L${list.length} ${height}Z`;
  return (
    <figure class="bars">
      <svg
        viewBox={`0 0 ${counts.length} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={t('spread.picture', { min: figure(min), max: figure(max) })}
      >
        <path class="bars-before" d={path(counts)} />
        {after !== undefined && (
          <>
            <path class="bars-after" d={path(after.counts)} />
            <path
              class="bars-grid"
              d={after.levels
                .map((level) => (counts.length * (level - min)) / (max - min || 1))
                .filter((x) => x >= 0 && x <= counts.length)
                .map((x) => `M${x.toFixed(2)} ${height}V${height - tick}`)
                .join('')}
            />
          </>
        )}
      </svg>
      <figcaption class="muted">
        <span>{figure(min)}</span>
        {after !== undefined && <span class="bars-legend">{t('spread.after')}</span>}
        <span>{figure(max)}</span>
      </figcaption>
    </figure>
  );
}
