/** Who holds how much, by area: layers inside the groups that their names make. */
import { useMemo, useState } from 'preact/hooks';
import { Segments } from '../../components/segments.tsx';
import { t, type TextKey } from '../../l10n/index.ts';
import { layers, patchView, viewState } from '../../state/store.ts';
import { shareMetrics, type ShareMetric } from '../../state/view-state.ts';
import { metrics } from './layout.ts';
import { opColours, otherTone, type OpColours } from './op-colours.ts';
import { TreemapBoxes } from './treemap-boxes.tsx';

const metricTitles: Readonly<Record<ShareMetric, TextKey>> = {
  weights: 'column.weights',
  activations: 'column.activations',
  macs: 'column.macs',
};

export function TreemapPane() {
  const metric = viewState.value.shareMetric;
  const rows = layers.value;
  const [path, setPath] = useState('');
  const colours = useMemo(() => opColours(rows, metrics[metric]), [rows, metric]);
  return (
    <>
      <div class="pane-tools">
        <Segments
          label={t('treemap.metric')}
          segments={shareMetrics.map((id) => ({ id, title: t(metricTitles[id]) }))}
          chosen={metric}
          onChoose={(shareMetric) => patchView({ shareMetric })}
        />
        <Legend colours={colours} />
      </div>
      {rows.some((row) => metrics[metric](row) > 0) ? (
        <TreemapBoxes rows={rows} metric={metric} path={path} onPath={setPath} colours={colours} />
      ) : (
        <p class="empty">{t('treemap.none')}</p>
      )}
    </>
  );
}

function Legend({ colours }: { readonly colours: OpColours }) {
  return (
    <ul class="op-legend" aria-label={t('treemap.legend')}>
      {colours.legend.map(({ opType, tone }) => (
        <li key={opType}>
          <span class={`swatch ${tone}`} />
          {opType}
        </li>
      ))}
      {colours.hasOthers && (
        <li class="muted">
          <span class={`swatch ${otherTone}`} />
          {t('treemap.others')}
        </li>
      )}
    </ul>
  );
}
