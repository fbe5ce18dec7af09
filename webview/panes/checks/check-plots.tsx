/** Accuracy, latency and memory against the batch size, of both models; the tables below hold the same figures. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { CheckView } from '../../../src/protocol.ts';
import { Icon } from '../../components/icon.tsx';
import { t } from '../../l10n/index.ts';
import { theme } from '../../state/store.ts';
import { metricsOf, metricTitle, plotsOf, type CheckPlot } from './plot-data.ts';
import { colours, plotData, plotOptions } from './plot-options.ts';

export function CheckPlots({ view }: { readonly view: CheckView }) {
  const metrics = useMemo(() => metricsOf(view), [view]);
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const metric = metrics.find((m) => m === chosen) ?? metrics[0] ?? 'cosine';
  const plots = useMemo(() => plotsOf(view, metric), [view, metric]);
  return (
    <section class="block wide" aria-label={t('checks.plots')}>
      <h2>
        {t('checks.plots')}
        {metrics.length > 1 && (
          <span class="select">
            <select
              aria-label={t('checks.metric')}
              value={metric}
              onChange={(e) => setChosen(e.currentTarget.value)}
            >
              {metrics.map((m) => (
                <option key={m} value={m} selected={m === metric}>
                  {metricTitle(m)}
                </option>
              ))}
            </select>
            <Icon name="chevron-down" />
          </span>
        )}
        <Legend />
      </h2>
      <div class="check-plots">
        {plots.map((plot) => (
          <figure key={plot.title}>
            <figcaption>{plot.title}</figcaption>
            <Plot plot={plot} />
          </figure>
        ))}
      </div>
    </section>
  );
}

function Legend() {
  return (
    <span class="plot-legend muted">
      <span class="line" style={{ borderColor: colours.original }} /> {t('peak.before')}
      <span class="line" style={{ borderColor: colours.compressed }} /> {t('peak.after')}
      <span class="line dashed" /> {t('checks.predicted')}
    </span>
  );
}

const height = 170;

function Plot({ plot }: { readonly plot: CheckPlot }) {
  const root = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = root.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    const element = root.current;
    if (element === null || width === 0) return undefined;
    const made = new uPlot(plotOptions(plot, { width, height }), plotData(plot), element);
    return () => made.destroy();
  }, [plot, width, theme.value]);
  return <div class="check-plot" ref={root} role="img" aria-label={spoken(plot)} data-title={plot.title} />;
}

/** e.g. `Latency. Original: 1: 0.42 ms, 8: 2.3 ms. …` */
function spoken({ title, batches, series, text }: CheckPlot): string {
  const lines = series.map(({ title: name, values }) => {
    const figures = values.map((v, i) => `${batches[i]}: ${v === undefined ? t('unknown') : text(v)}`);
    return `${name}: ${figures.join(', ')}.`;
  });
  return `${title}. ${lines.join(' ')}`;
}
