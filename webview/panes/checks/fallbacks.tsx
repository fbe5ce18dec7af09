/** The nodes that the execution provider left to another one, with what each cost. */
import type { CheckView } from '../../../src/protocol.ts';
import { epTitle } from '../../lib/ep-title.ts';
import { t } from '../../l10n/index.ts';
import { selectLayer } from '../../state/actions.ts';
import { layers } from '../../state/store.ts';
import { Head } from './answers-table.tsx';
import { milliseconds } from './figures.ts';

const shown = 20;

export function Fallbacks({ view }: { readonly view: CheckView }) {
  const last = view.batches.findLast((b) => b.compressed !== undefined);
  const run = last?.compressed;
  const list = run?.fallbacks ?? [];
  if (last === undefined || run === undefined || list.length === 0) return null;
  const total = list.reduce((sum, f) => sum + f.durationMs, 0);
  return (
    <section class="block wide" aria-label={t('checks.fallbacks')}>
      <h2>{t('checks.fallbacks')}</h2>
      <p class="muted">
        {t('checks.fallbacks.text', {
          n: list.length,
          ep: epTitle(view.ep),
          ms: milliseconds(total),
          batch: last.batchSize,
        })}
      </p>
      <div class="table-scroll" tabIndex={0} role="group" aria-label={t('checks.fallbacks')}>
        <table class="plain checks-table">
          <thead>
            <tr>
              <th scope="col">{t('checks.node')}</th>
              <th scope="col">{t('column.op')}</th>
              <th scope="col">{t('checks.placement')}</th>
              <Head title={t('checks.duration')} hint={t('checks.duration.hint')} />
            </tr>
          </thead>
          <tbody>
            {list.slice(0, shown).map((f, i) => (
              <tr key={`${f.name} ${i}`}>
                <th scope="row">
                  <NodeName name={f.name} />
                </th>
                <td>{f.opType}</td>
                <td>{epTitle(f.ep)}</td>
                <td class="numeric">
                  {milliseconds(f.durationMs)}
                  <span class="unit"> ms</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {list.length > shown && <p class="muted">{t('graph.more', { n: list.length - shown })}</p>}
    </section>
  );
}

/** Fused nodes have names of their own, which are no layer's. */
function NodeName({ name }: { readonly name: string }) {
  const layer = layers.value.find((l) => l.id === name || l.nodes?.includes(name) === true);
  if (layer === undefined) return <>{name}</>;
  return (
    <button type="button" class="link" onClick={() => selectLayer(layer.id)}>
      {name}
    </button>
  );
}
