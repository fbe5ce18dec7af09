/** Above the graph: search, what it is coloured by, opening and closing, saving a picture. */
import { signal } from '@preact/signals';
import { formatBytes } from '../../../src/format.ts';
import { Icon, IconButton } from '../../components/icon.tsx';
import { Popover } from '../../components/popover.tsx';
import { Segments } from '../../components/segments.tsx';
import { t, type TextKey } from '../../l10n/index.ts';
import { patchView } from '../../state/store.ts';
import { graphMetrics, type GraphMetric } from '../../state/view-state.ts';
import { closeAll, fitAll, goTo, openAll, zoom } from './actions.ts';
import { largest } from './drawing.ts';
import { savePicture } from './export.ts';
import { metricColours } from './palette.ts';
import { found, metric, query } from './state.ts';

const metricTitles: Readonly<Record<GraphMetric, TextKey>> = {
  weights: 'column.weights',
  activations: 'column.activations',
  alive: 'graph.alive',
};

export function GraphTools() {
  return (
    <div class="pane-tools">
      <Search />
      <Segments
        label={t('graph.colour')}
        segments={graphMetrics.map((id) => ({
          id,
          title: t(metricTitles[id]),
          hint: id === 'alive' ? t('graph.alive.hint') : undefined,
        }))}
        chosen={metric.value}
        onChoose={(graphMetric) => patchView({ graphMetric })}
      />
      <Scale />
      <div class="selection-tools" role="toolbar" aria-label={t('graph.tools')}>
        <IconButton icon="expand-all" label={t('graph.openAll')} onClick={openAll} />
        <IconButton icon="collapse-all" label={t('graph.closeAll')} onClick={closeAll} />
        <IconButton icon="zoom-out" label={t('graph.zoomOut')} onClick={() => zoom(0.8)} />
        <IconButton icon="zoom-in" label={t('graph.zoomIn')} onClick={() => zoom(1.25)} />
        <IconButton icon="screen-full" label={t('graph.fit')} onClick={fitAll} />
        <Popover label={t('graph.save')} face={<Icon name="save-as" />} buttonClass="icon-button">
          {(close) =>
            (['svg', 'png'] as const).map((kind) => (
              <button
                key={kind}
                type="button"
                class="menu-item"
                onClick={() => {
                  close();
                  void savePicture(kind);
                }}
              >
                {t('graph.saveAs', { kind: kind.toUpperCase() })}
              </button>
            ))
          }
        </Popover>
      </div>
    </div>
  );
}

/** Which of what was found was gone to last. */
const foundAt = signal(-1);

function Search() {
  const results = found.value;
  const step = (by: number): void => {
    if (results.length === 0) return;
    foundAt.value = (foundAt.peek() + by + results.length) % results.length;
    const part = results[foundAt.peek()];
    if (part !== undefined) goTo(part);
  };
  return (
    <div class="filter">
      <Icon name="search" />
      <input
        id="graph-search"
        class="text-input"
        type="text"
        spellcheck={false}
        autocomplete="off"
        aria-label={t('graph.search')}
        title={t('graph.search.hint')}
        placeholder={t('graph.search')}
        value={query.value}
        onInput={(e) => {
          query.value = e.currentTarget.value;
          foundAt.value = -1;
        }}
        onKeyDown={(e) => {
          if (e.key === 'Enter') step(e.shiftKey ? -1 : 1);
          if (e.key === 'Escape') query.value = '';
        }}
      />
      {query.value !== '' && (
        <span class="found muted" role="status">
          {foundAt.value < 0
            ? t('graph.found', { n: results.length })
            : t('graph.foundAt', { i: foundAt.value + 1, n: results.length })}
        </span>
      )}
    </div>
  );
}

function Scale() {
  const bytes = largest.value;
  if (bytes === 0) return null;
  return (
    <span class="heat-scale muted" style={{ '--tone': `var(${metricColours[metric.value]})` }}>
      0 B
      <span class="heat" />
      {formatBytes(bytes)}
    </span>
  );
}
