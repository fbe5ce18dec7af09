/** The compressed models of two reports beside each other, at the batch sizes that both ran. */
import type { CheckView } from '../../../src/protocol.ts';
import { Change, Percent } from '../../components/change.tsx';
import { t } from '../../l10n/index.ts';
import { Head, None } from './answers-table.tsx';
import { changeOf, metricText, milliseconds } from './figures.ts';

type Batch = CheckView['batches'][number];

export function EarlierTable({ view, earlier }: { readonly view: CheckView; readonly earlier: CheckView }) {
  const pairs = view.batches.flatMap((after) => {
    const before = earlier.batches.find((b) => b.batchSize === after.batchSize);
    return before?.compressed === undefined || after.compressed === undefined ? [] : [{ before, after }];
  });
  const title = t('checks.earlier', { n: Number(earlier.id) });
  return (
    <section class="block wide" aria-label={title}>
      <h2>{title}</h2>
      {earlier.data !== view.data && <p class="muted">{t('checks.otherData', { data: earlier.data })}</p>}
      {pairs.length === 0 ? (
        <p class="muted">{t('checks.noPairs')}</p>
      ) : (
        <div class="table-scroll" tabIndex={0} role="group" aria-label={title}>
          <table class="plain checks-table">
            <thead>
              <tr>
                <th scope="col">{t('checks.batch')}</th>
                <Head title={t('checks.quality')} hint={t('checks.quality.hint')} />
                <Head title={t('checks.latency')} hint={t('checks.latency.hint')} />
                <Head title={t('checks.measured')} hint={t('checks.measured.hint')} />
              </tr>
            </thead>
            <tbody>
              {pairs.map(({ before, after }) => (
                <tr key={after.batchSize}>
                  <th scope="row">{after.batchSize}</th>
                  <td class="numeric">
                    <Quality before={before} after={after} />
                  </td>
                  <td class="numeric">
                    <Latency before={before} after={after} />
                  </td>
                  <td class="numeric">
                    <Change before={before.compressed?.peakBytes} after={after.compressed?.peakBytes} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

interface Pair {
  readonly before: Batch;
  readonly after: Batch;
}

/** The first figure against labels, where both have it; else the agreement with the original, else the cosine. */
function Quality({ before, after }: Pair) {
  const found = qualityOf(before, after);
  if (found === undefined) return <None />;
  const { name, was, is } = found;
  const { text, tone } = changeOf(name, was, is);
  return (
    <>
      <span class="muted">
        {name === 'cosine' ? t('checks.cosine') : found.title} {metricText(name, was)}
      </span>
      <span class="arrow"> → </span>
      {metricText(name, is)} <span class={`percent ${tone}`}>{text}</span>
    </>
  );
}

function qualityOf(before: Batch, after: Batch) {
  const metric = after.compressed?.metrics?.[0];
  const was = before.compressed?.metrics?.find((m) => m.name === metric?.name);
  if (metric !== undefined && was !== undefined)
    return { name: metric.name, title: metric.name, was: was.value, is: metric.value };
  const [a, b] = [before.outputs[0], after.outputs[0]];
  if (a?.top1Agreement !== undefined && b?.top1Agreement !== undefined)
    return { name: 'top-1', title: t('checks.agreement'), was: a.top1Agreement, is: b.top1Agreement };
  if (a?.cosine !== undefined && b?.cosine !== undefined)
    return { name: 'cosine', title: t('checks.cosine'), was: a.cosine, is: b.cosine };
  return undefined;
}

function Latency({ before, after }: Pair) {
  const [a, b] = [before.compressed?.latencyP50Ms, after.compressed?.latencyP50Ms];
  if (a === undefined || b === undefined) return <None />;
  return (
    <>
      <span class="muted">{milliseconds(a)}</span>
      <span class="arrow"> → </span>
      {milliseconds(b)}
      <span class="unit"> ms</span>
      <Percent before={a} after={b} />
    </>
  );
}
