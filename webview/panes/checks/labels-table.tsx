/** Every figure that labels give, of both models, with its 95 % confidence interval. */
import type { CheckView, MetricView } from '../../../src/protocol.ts';
import { t } from '../../l10n/index.ts';
import { Head, None } from './answers-table.tsx';
import { changeOf, metricText } from './figures.ts';

export function LabelsTable({ view }: { readonly view: CheckView }) {
  const rows = view.batches.flatMap((b) => {
    const [before, after] = [b.original?.metrics ?? [], b.compressed?.metrics ?? []];
    const names = [...new Set([...before, ...after].map((m) => m.name))];
    const find = (list: readonly MetricView[], name: string) => list.find((m) => m.name === name);
    return names.map((name, i) => ({
      ...{ batchSize: b.batchSize, name, isFirst: i === 0 },
      ...{ before: find(before, name), after: find(after, name) },
    }));
  });
  if (rows.length === 0) return null;
  return (
    <section class="block wide" aria-label={t('checks.labels')}>
      <h2>{t('checks.labels')}</h2>
      <div class="table-scroll" tabIndex={0} role="group" aria-label={t('checks.labels')}>
        <table class="plain checks-table">
          <thead>
            <tr>
              <th scope="col">{t('checks.batch')}</th>
              <th scope="col">{t('checks.metric')}</th>
              <Head title={t('peak.before')} hint={t('checks.interval.hint')} />
              <Head title={t('peak.after')} hint={t('checks.interval.hint')} />
              <Head title={t('compare.change')} hint={t('checks.change.hint')} />
            </tr>
          </thead>
          <tbody>
            {rows.map(({ batchSize, name, isFirst, before, after }) => (
              <tr key={`${batchSize} ${name}`}>
                <th scope="row">{isFirst ? batchSize : <span class="sr-only">{batchSize}</span>}</th>
                <td>{name}</td>
                <td class="numeric">
                  <Metric of={before} />
                </td>
                <td class="numeric">
                  <Metric of={after} />
                </td>
                <td class="numeric">
                  {before === undefined || after === undefined ? (
                    <None />
                  ) : (
                    <Change before={before} after={after} />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Metric({ of }: { readonly of: MetricView | undefined }) {
  if (of === undefined) return <None />;
  const { name, value, low, high } = of;
  return (
    <>
      {metricText(name, value)}
      {low !== undefined && high !== undefined && (
        <span class="muted interval">
          {' '}
          ({metricText(name, low)} – {metricText(name, high)})
        </span>
      )}
    </>
  );
}

function Change({ before, after }: { readonly before: MetricView; readonly after: MetricView }) {
  const { text, tone } = changeOf(before.name, before.value, after.value);
  return <span class={`percent ${tone}`}>{text}</span>;
}
