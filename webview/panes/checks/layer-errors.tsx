/** Where the error starts: values inside of both models, in execution order, with how much of each is left. */
import { useState } from 'preact/hooks';
import type { LayerErrorsView } from '../../../src/protocol.ts';
import { Icon } from '../../components/icon.tsx';
import { epTitle } from '../../lib/ep-title.ts';
import { decibels } from '../../lib/quantity.ts';
import { t, wholeNumber } from '../../l10n/index.ts';
import { selectLayer } from '../../state/actions.ts';
import { layerErrors } from '../../state/store.ts';
import { Head, None } from './answers-table.tsx';
import { cosineText } from './figures.ts';

type Row = LayerErrorsView['layers'][number];

/** Of a bar: as good as float32 where rounding is all that differs. */
const mostDecibels = 80;
const shownAtFirst = 60;

export function LayerErrors() {
  const view = layerErrors.value;
  const [isWhole, setWhole] = useState(false);
  if (view === undefined) return null;
  const { layers } = view;
  const start = startOf(layers);
  const from = isWhole ? 0 : Math.max(0, Math.min(start - 3, layers.length - shownAtFirst));
  const shown = isWhole ? layers : layers.slice(from, from + shownAtFirst);
  return (
    <section class="block wide layer-errors" aria-label={t('checks.layers')}>
      <h2>{t('checks.layers')}</h2>
      <p class="muted">
        {start < 0 ? t('checks.layers.none') : t('checks.layers.text')}{' '}
        {[epTitle(view.ep), view.data].filter((p) => p !== '').join(' · ')}
      </p>
      {view.warnings.map((text) => (
        <p key={text} class="check-warning">
          <Icon name="warning" /> <span>{text}</span>
        </p>
      ))}
      <div class="table-scroll" tabIndex={0} role="group" aria-label={t('checks.layers')}>
        <table class="plain checks-table">
          <thead>
            <tr>
              <th scope="col">{t('checks.step')}</th>
              <th scope="col">{t('column.name')}</th>
              <th scope="col">{t('column.op')}</th>
              <Head title="SQNR" hint={t('checks.sqnr.hint')} />
              <Head title={t('checks.cosine')} hint={t('checks.cosine.hint')} />
              <Head title={t('checks.maxError')} hint={t('checks.maxError.hint')} />
            </tr>
          </thead>
          <tbody>
            {shown.map((row, i) => (
              <ErrorRow key={row.value} row={row} step={from + i + 1} isStart={from + i === start} />
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < layers.length && (
        <button type="button" class="link" onClick={() => setWhole(true)}>
          {t('checks.layers.all', { n: layers.length })}
        </button>
      )}
    </section>
  );
}

/** The first with an error that is more than the order of sums; -1 where there is none. */
export function startOf(layers: readonly Row[]): number {
  return layers.findIndex((l) => l.sqnrDb !== 'inf' && l.sqnrDb < mostDecibels);
}

function ErrorRow({
  row,
  step,
  isStart,
}: {
  readonly row: Row;
  readonly step: number;
  readonly isStart: boolean;
}) {
  const { sqnrDb, cosine, maxAbsError, layerId, name, opType, value } = row;
  const noise = sqnrDb === 'inf' ? 0 : 1 - Math.min(Math.max(sqnrDb / mostDecibels, 0), 1);
  return (
    <tr class={isStart ? 'error-start' : ''}>
      <td class="numeric muted">{wholeNumber(step)}</td>
      <th scope="row" title={value}>
        <button type="button" class="link" onClick={() => selectLayer(layerId)}>
          {name}
        </button>
        {isStart && <span class="badge">{t('checks.layers.start')}</span>}
      </th>
      <td>{opType}</td>
      <td class="numeric barred">
        <span class="cell-bar cause-noise" style={{ width: `${noise * 100}%` }} />
        <span>{decibels(sqnrDb)}</span>
      </td>
      <td class="numeric">{cosine === undefined ? <None /> : cosineText(cosine)}</td>
      <td class="numeric">{Number(maxAbsError.toPrecision(3))}</td>
    </tr>
  );
}
