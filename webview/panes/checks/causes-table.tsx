/** What the memory of each model was for, measured beside predicted, at the largest batch size that ran. */
import { formatBytes } from '../../../src/format.ts';
import type { CheckView, MemoryCauseView } from '../../../src/protocol.ts';
import { Amount } from '../../components/amount.tsx';
import { t } from '../../l10n/index.ts';
import { Head, None } from './answers-table.tsx';

export function CausesTable({ view }: { readonly view: CheckView }) {
  const last = view.batches.findLast((b) => b.compressed !== undefined);
  const [original = [], compressed = []] = [last?.original?.causes, last?.compressed?.causes];
  if (last === undefined || compressed.length === 0) return null;
  const names = [...new Set([...compressed, ...original].map((c) => c.cause))];
  const title = t('checks.causes', { batch: last.batchSize });
  const models = [t('peak.before'), t('peak.after')];
  return (
    <section class="block wide" aria-label={title}>
      <h2>{title}</h2>
      <div class="table-scroll" tabIndex={0} role="group" aria-label={title}>
        <table class="plain checks-table">
          <thead>
            <tr>
              <th scope="col">{t('checks.cause')}</th>
              {models.flatMap((model) => [
                <Head
                  key={`${model} measured`}
                  title={t('checks.causes.measured', { model })}
                  hint={t('checks.causes.hint')}
                />,
                <Head
                  key={`${model} predicted`}
                  title={t('checks.causes.predicted', { model })}
                  hint={t('checks.predicted.hint')}
                />,
              ])}
            </tr>
          </thead>
          <tbody>
            {names.map((name) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {[original, compressed].map((causes, i) => (
                  <Figures key={models[i]} of={causes.find((c) => c.cause === name)} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Figures({ of }: { readonly of: MemoryCauseView | undefined }) {
  return (
    <>
      {[of?.measuredBytes, of?.predictedBytes].map((bytes, i) => (
        <td key={i} class="numeric">
          {bytes === undefined ? <None /> : <Amount value={bytes} hint={formatBytes(bytes)} />}
        </td>
      ))}
    </>
  );
}
