/** How near the compressed model's answers are to the original's, per batch size and output. */
import type { CheckView } from '../../../src/protocol.ts';
import { t } from '../../l10n/index.ts';
import { cosineText, decibels, percent, points } from './figures.ts';

export function AnswersTable({ view }: { readonly view: CheckView }) {
  const outputs = view.batches.flatMap((b) => b.outputs);
  const hasOutputs = view.batches.some((b) => b.outputs.length > 1);
  const hasMean = outputs.some((o) => o.meanAbsError !== undefined);
  const hasKl = outputs.some((o) => o.klDivergence !== undefined);
  const hasTop5 = outputs.some((o) => o.top5Agreement !== undefined);
  return (
    <div class="table-scroll" tabIndex={0} role="group" aria-label={t('checks.answers')}>
      <table class="plain checks-table">
        <thead>
          <tr>
            <th scope="col">{t('checks.batch')}</th>
            {hasOutputs && <th scope="col">{t('checks.output')}</th>}
            <Head title={t('checks.samples')} hint={t('checks.samples.hint')} />
            <Head title={t('checks.cosine')} hint={t('checks.cosine.hint')} />
            <Head title="SQNR" hint={t('checks.sqnr.hint')} />
            <Head title={t('checks.maxError')} hint={t('checks.maxError.hint')} />
            {hasMean && <Head title={t('checks.meanError')} hint={t('checks.meanError.hint')} />}
            {hasKl && <Head title={t('checks.kl')} hint={t('checks.kl.hint')} />}
            <Head title={t('checks.agreement')} hint={t('checks.agreement.hint')} />
            {hasTop5 && <Head title={t('checks.top5')} hint={t('checks.top5.hint')} />}
            {view.hasLabels && <Head title={t('checks.accuracy')} hint={t('checks.accuracy.hint')} />}
          </tr>
        </thead>
        <tbody>
          {view.batches
            .filter((b) => b.error === undefined)
            .flatMap((b) =>
              b.outputs.map((output, i) => (
                <tr key={`${b.batchSize} ${output.output}`}>
                  <th scope="row">{i === 0 ? b.batchSize : ''}</th>
                  {hasOutputs && <td>{output.output}</td>}
                  <td class="numeric">{i === 0 ? b.samples : ''}</td>
                  <td class="numeric">
                    {output.cosine === undefined ? <None /> : cosineText(output.cosine)}
                  </td>
                  <td class="numeric">
                    {decibels(output.sqnrDb)}
                    <span class="unit"> dB</span>
                  </td>
                  <td class="numeric">{output.maxAbsError.toPrecision(3)}</td>
                  {hasMean && <td class="numeric">{output.meanAbsError?.toPrecision(3) ?? <None />}</td>}
                  {hasKl && <td class="numeric">{output.klDivergence?.toPrecision(3) ?? <None />}</td>}
                  <td class="numeric">
                    {output.top1Agreement === undefined ? <None /> : percent(output.top1Agreement)}
                  </td>
                  {hasTop5 && (
                    <td class="numeric">
                      {output.top5Agreement === undefined ? <None /> : percent(output.top5Agreement)}
                    </td>
                  )}
                  {view.hasLabels && (
                    <td class="numeric">
                      {i === 0 && <Accuracy before={b.original?.accuracy} after={b.compressed?.accuracy} />}
                    </td>
                  )}
                </tr>
              )),
            )}
        </tbody>
      </table>
    </div>
  );
}

export function Head({ title, hint }: { readonly title: string; readonly hint: string }) {
  return (
    <th scope="col" class="numeric" title={hint}>
      {title}
    </th>
  );
}

export function None() {
  return <span class="muted">–</span>;
}

function Accuracy({
  before,
  after,
}: {
  readonly before: number | undefined;
  readonly after: number | undefined;
}) {
  if (before === undefined || after === undefined) return <None />;
  const tone = after < before ? 'more' : after > before ? 'less' : 'same';
  return (
    <>
      <span class="muted">{percent(before)}</span>
      <span class="arrow"> → </span>
      {percent(after)}
      <span class={`percent ${tone}`}>{points(before, after)}</span>
    </>
  );
}
