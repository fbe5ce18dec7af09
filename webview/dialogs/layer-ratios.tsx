/** In place of the one ratio: those that were found for each layer, and what the model lost with them. */
import type { PruneOptions } from '../../src/protocol.ts';
import { t } from '../l10n/index.ts';
import { figureOf } from '../panes/sensitivity/scale.ts';
import { sharePercent } from '../lib/quantity.ts';
import { suggestion } from '../state/sensitivity.ts';

export interface LayerRatiosProps {
  readonly options: PruneOptions;
  readonly ratios: NonNullable<PruneOptions['ratios']>;
  readonly onDrop: () => void;
}

export function LayerRatios({ options, ratios, onDrop }: LayerRatiosProps) {
  const all = Object.values(ratios);
  const of = {
    n: all.length,
    from: sharePercent(Math.min(...all), 1),
    to: sharePercent(Math.max(...all), 1),
  };
  return (
    <section class="layer-ratios" aria-label={t('ratios.title')}>
      <span class="setting-label">{t('ratios.title')}</span>
      <p>{t(all.length === 1 ? 'ratios.range.one' : 'ratios.range', of)}</p>
      <Measured options={options} />
      <button type="button" class="link" onClick={onDrop}>
        {t('ratios.drop')}
      </button>
    </section>
  );
}

/** Only where nothing else was chosen since. */
function Measured({ options }: Pick<LayerRatiosProps, 'options'>) {
  const found = suggestion.value;
  if (found === undefined || found.ratios !== options.ratios) return null;
  const isSame = sameChoices(options, { ...found.measured.options, ratios: found.ratios });
  if (!isSame) return <p class="muted">{t('ratios.otherChoices')}</p>;
  const { measured, value, original } = found;
  const figures = {
    value: figureOf(measured, value),
    original: figureOf(measured, original),
    data: measured.data,
  };
  return <p>{t(measured.measure === 'accuracy' ? 'ratios.accuracy' : 'ratios.cosine', figures)}</p>;
}

/** Whatever the ratio, which the ratios by layer replace. */
function sameChoices(a: PruneOptions, b: PruneOptions): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof PruneOptions>;
  keys.delete('ratio');
  return [...keys].every((key) => JSON.stringify(a[key]) === JSON.stringify(b[key]));
}
