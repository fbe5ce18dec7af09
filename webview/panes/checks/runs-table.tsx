/** Speed and memory of both models, measured, beside what was predicted. */
import type { CheckView, RunView } from '../../../src/protocol.ts';
import { formatBytes } from '../../../src/format.ts';
import { Amount } from '../../components/amount.tsx';
import { epTitle } from '../../lib/ep-title.ts';
import { t, wholeNumber } from '../../l10n/index.ts';
import { signedPercent } from '../../lib/quantity.ts';
import { Head, None } from './answers-table.tsx';
import { milliseconds } from './figures.ts';

export function RunsTable({ view }: { readonly view: CheckView }) {
  const runs = view.batches.flatMap((b) => [b.original, b.compressed]).filter((r) => r !== undefined);
  const slowest = Math.max(0, ...runs.map((r) => r.latencyP50Ms));
  const largest = Math.max(0, ...runs.flatMap((r) => [r.peakBytes ?? 0, r.predictedBytes ?? 0]));
  return (
    <div class="table-scroll" tabIndex={0} role="group" aria-label={t('checks.runs')}>
      <table class="plain checks-table">
        <thead>
          <tr>
            <th scope="col">{t('checks.batch')}</th>
            <th scope="col">{t('checks.model')}</th>
            <Head title={t('checks.latency')} hint={t('checks.latency.hint')} />
            <Head title={t('checks.p95')} hint={t('checks.p95.hint')} />
            <Head title={t('checks.throughput')} hint={t('checks.throughput.hint')} />
            <Head title={t('checks.measured')} hint={t('checks.measured.hint')} />
            <Head title={t('checks.predicted')} hint={t('checks.predicted.hint')} />
            <th scope="col">{t('checks.placement')}</th>
          </tr>
        </thead>
        {view.batches.map((b) => (
          <tbody key={b.batchSize}>
            {b.original !== undefined && (
              <RunRow
                batch={b.batchSize}
                title={t('peak.before')}
                run={b.original}
                slowest={slowest}
                largest={largest}
              />
            )}
            {b.compressed !== undefined && (
              <RunRow
                batch={b.original === undefined ? b.batchSize : undefined}
                title={t('peak.after')}
                run={b.compressed}
                than={b.original}
                slowest={slowest}
                largest={largest}
              />
            )}
          </tbody>
        ))}
      </table>
    </div>
  );
}

interface RunRowProps {
  readonly batch: number | undefined;
  readonly title: string;
  readonly run: RunView;
  readonly than?: RunView | undefined;
  readonly slowest: number;
  readonly largest: number;
}

function RunRow({ batch, title, run, than, slowest, largest }: RunRowProps) {
  return (
    <tr>
      <th scope="row">{batch ?? <span class="sr-only">{title}</span>}</th>
      <td>{title}</td>
      <td class="numeric barred">
        <Bar share={share(run.latencyP50Ms, slowest)} tone="cause-macs" />
        {than !== undefined && <Versus before={than.latencyP50Ms} after={run.latencyP50Ms} />}
        {milliseconds(run.latencyP50Ms)}
        <span class="unit"> ms</span>
      </td>
      <td class="numeric">
        {milliseconds(run.latencyP95Ms)}
        <span class="unit"> ms</span>
      </td>
      <td class="numeric">
        {run.samplesPerSecond === undefined ? (
          <None />
        ) : (
          wholeNumber(Number(run.samplesPerSecond.toPrecision(3)))
        )}
      </td>
      <td class="numeric barred">
        <Bar share={share(run.peakBytes ?? 0, largest)} tone="cause-weights" />
        {than?.peakBytes !== undefined && run.peakBytes !== undefined && (
          <Versus before={than.peakBytes} after={run.peakBytes} />
        )}
        <Amount value={run.peakBytes} hint={run.peakSource} />
      </td>
      <td class="numeric">
        {run.predictedBytes === undefined ? <None /> : <Predicted run={run} predicted={run.predictedBytes} />}
      </td>
      <td class="muted">{placementText(run)}</td>
    </tr>
  );
}

function Predicted({ run, predicted }: { readonly run: RunView; readonly predicted: number }) {
  const { peakBytes } = run;
  return (
    <>
      {peakBytes !== undefined && peakBytes > 0 && (
        <span class="muted versus" title={t('checks.error.hint')}>
          {signedPercent(peakBytes, predicted)}
        </span>
      )}
      <Amount value={predicted} hint={formatBytes(predicted)} />
    </>
  );
}

function Versus({ before, after }: { readonly before: number; readonly after: number }) {
  const tone = after < before * 0.98 ? 'less' : after > before * 1.02 ? 'more' : 'same';
  return <span class={`percent versus ${tone}`}>{signedPercent(before, after)}</span>;
}

function Bar({ share: of, tone }: { readonly share: number; readonly tone: string }) {
  return <span class={`cell-bar ${tone}`} style={{ width: `${of * 100}%` }} />;
}

function share(value: number, largest: number): number {
  return largest === 0 ? 0 : value / largest;
}

function placementText(run: RunView): string {
  return Object.entries(run.placement)
    .map(([ep, count]) => `${epTitle(ep)} ×${count}`)
    .join(', ');
}
