/** How much the channels or weights of a layer matter, with the cut that the ratio makes. Read once per choice. */
import { useState } from 'preact/hooks';
import type { ImportanceView } from '../../src/protocol.ts';
import { Icon } from '../components/icon.tsx';
import { t, wholeNumber } from '../l10n/index.ts';
import { useAnswer, useStopReading, type Answer } from '../state/answer.ts';
import { layerById } from '../state/store.ts';
import type { PruneRequest } from './prune-fields.tsx';

export function Importance({ edit }: { readonly edit: PruneRequest }) {
  const [chosen, setChosen] = useState(edit.layerIds[0] ?? '');
  const answer = useImportance(chosen, edit);
  useStopReading();
  return (
    <section class="importance" aria-label={t('importance.title')} aria-busy={answer.kind === 'pending'}>
      <header>
        <span class="setting-label">{t('importance.title')}</span>
        {edit.layerIds.length > 1 && (
          <span class="select">
            <select
              aria-label={t('importance.layer')}
              value={chosen}
              onChange={(e) => setChosen(e.currentTarget.value)}
            >
              {edit.layerIds.map((id) => (
                <option key={id} value={id} selected={id === chosen}>
                  {layerById.value.get(id)?.name ?? id}
                </option>
              ))}
            </select>
            <Icon name="chevron-down" />
          </span>
        )}
      </header>
      <Body answer={answer} ratio={cutOf(edit, chosen)} />
    </section>
  );
}

interface BodyProps {
  readonly answer: Answer<ImportanceView>;
  /** Undefined where no single line tells what goes: a threshold of all layers, or a choice among neighbours. */
  readonly ratio: number | undefined;
}

function Body({ answer, ratio }: BodyProps) {
  if (answer.kind === 'pending') return <p class="muted">{t('spread.reading')}</p>;
  if (answer.kind === 'failed')
    return (
      <p class="error-text" role="alert">
        {answer.message}
      </p>
    );
  const { parts, note } = answer.view;
  if (note !== undefined) return <p class="muted">{note}</p>;
  return (
    <>
      {parts.map((part, i) => (
        <Part key={i} part={part} ratio={ratio} />
      ))}
    </>
  );
}

function cutOf({ options }: PruneRequest, layerId: string): number | undefined {
  if (options.ratios !== undefined) return options.ratios[layerId] ?? 0;
  if (options.kind === 'channels') return options.scope === 'global' ? undefined : options.ratio;
  return options.scope === 'global' || options.pattern !== undefined ? undefined : options.ratio;
}

function useImportance(layerId: string, { options }: PruneRequest): Answer<ImportanceView> {
  // the ratio moves the line, nothing else
  const by =
    options.kind === 'channels'
      ? [options.importance, options.roundTo, options.approximate]
      : [options.method];
  return useAnswer((h) => h.importance(layerId, options), [layerId, options.kind, ...by]);
}

const height = 48;

interface PartProps {
  readonly part: ImportanceView['parts'][number];
  readonly ratio: number | undefined;
}

/** Heights by their root, so that the few are seen beside the many. What goes is hatched by colour and line. */
function Part({ part, ratio }: PartProps) {
  const { counts, min, max, cuts, count, unit } = part;
  const most = Math.max(1, ...counts);
  const cut = ratio === undefined ? undefined : cuts[Math.round(ratio * 100)];
  const at = cut === undefined || max === min ? 0 : (counts.length * (cut.below - min)) / (max - min);
  const path = counts
    .map((n, i) => `M${i} ${height}V${(height * (1 - Math.sqrt(n / most))).toFixed(1)}H${i + 1}V${height}Z`)
    .join('');
  const text =
    cut === undefined
      ? t('importance.noCut')
      : t(unit === 'channel' ? 'importance.channels' : 'importance.weights', {
          gone: wholeNumber(cut.gone),
          n: count,
          cut: figure(cut.below),
        });
  return (
    <figure class="bars importance-bars">
      <svg viewBox={`0 0 ${counts.length} ${height}`} preserveAspectRatio="none" role="img" aria-label={text}>
        <path class="bars-before" d={path} />
        {cut !== undefined && (
          <>
            <rect class="cut-away" x={0} y={0} width={at} height={height} />
            <line class="cut-line" x1={at} x2={at} y1={0} y2={height} />
          </>
        )}
      </svg>
      <figcaption class="muted">
        <span>{figure(min)}</span>
        <span>{text}</span>
        <span>{figure(max)}</span>
      </figcaption>
    </figure>
  );
}

const figure = (value: number): string => value.toPrecision(3).replace('-', '−');
