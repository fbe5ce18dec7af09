/** One report: the verdict, then the figures it comes from. */
import type { CheckView } from '../../../src/protocol.ts';
import { Icon } from '../../components/icon.tsx';
import { epTitle } from '../../lib/ep-title.ts';
import { t } from '../../l10n/index.ts';
import { type Grade, verdictOf } from '../../lib/verdict.ts';
import { AnswersTable } from './answers-table.tsx';
import { CausesTable } from './causes-table.tsx';
import { CheckPlots } from './check-plots.tsx';
import { EarlierTable } from './earlier-table.tsx';
import { Fallbacks } from './fallbacks.tsx';
import { verdictText } from './figures.ts';
import { LabelsTable } from './labels-table.tsx';
import { LayerErrors } from './layer-errors.tsx';
import { RunsTable } from './runs-table.tsx';

const icons: Readonly<Record<Grade, string>> = {
  good: 'pass-filled',
  fair: 'warning',
  bad: 'error',
  unknown: 'question',
};

export interface CheckReportProps {
  readonly view: CheckView;
  /** Another report, to compare with. */
  readonly earlier: CheckView | undefined;
}

export function CheckReport({ view, earlier }: CheckReportProps) {
  const hasRun = view.batches.some((b) => b.error === undefined);
  return (
    <div class="checks">
      <VerdictBox view={view} />
      {warningsOf(view).map((text) => (
        <p key={text} class="check-warning wide">
          <Icon name="warning" /> <span>{text}</span>
        </p>
      ))}
      {earlier !== undefined && <EarlierTable view={view} earlier={earlier} />}
      <LayerErrors />
      {hasRun && (
        <>
          <CheckPlots view={view} />
          <LabelsTable view={view} />
          <section class="block wide" aria-label={t('checks.answers')}>
            <h2>{t('checks.answers')}</h2>
            <AnswersTable view={view} />
          </section>
          <section class="block wide" aria-label={t('checks.runs')}>
            <h2>{t('checks.runs')}</h2>
            <RunsTable view={view} />
          </section>
          <CausesTable view={view} />
          <Fallbacks view={view} />
        </>
      )}
    </div>
  );
}

function VerdictBox({ view }: { readonly view: CheckView }) {
  const verdict = verdictOf(view);
  const { title, text } = verdictText(verdict);
  return (
    <section class={`verdict wide ${verdict.grade}`} aria-label={t('checks.verdict')}>
      <Icon name={icons[verdict.grade]} />
      <div>
        <h2>{title}</h2>
        <p>{text}</p>
        <p class="muted">
          {[epTitle(view.ep), view.device, view.data].filter((part) => part !== '').join(' · ')}
        </p>
        {view.boxes !== undefined && <p class="muted">{t('checks.boxes', { how: view.boxes })}</p>}
      </div>
    </section>
  );
}

/** The runner's, the batch sizes that failed and why, and those that ran in the place of others. */
function warningsOf({ warnings, batches }: CheckView): string[] {
  return [
    ...warnings,
    ...batches.flatMap((b) => (b.error === undefined ? [] : [failedText(b.batchSize, b.error)])),
    ...batches.flatMap((b) =>
      b.insteadOf === undefined ? [] : [t('checks.halved', { n: b.batchSize, of: b.insteadOf })],
    ),
  ];
}

function failedText(n: number, error: string): string {
  return t('checks.batchFailed', { n, error });
}
