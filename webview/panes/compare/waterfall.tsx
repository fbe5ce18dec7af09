/** A sum before and after, and between them what changed it: bars that float from one to the other. */
import { Amount } from '../../components/amount.tsx';
import { Percent } from '../../components/change.tsx';
import { t } from '../../l10n/index.ts';
import { type Delta, waterfall } from '../../lib/waterfall.ts';

export interface WaterfallProps {
  readonly title: string;
  readonly before: number;
  readonly after: number;
  readonly deltas: readonly Delta[];
}

const shownSteps = 10;

export function Waterfall({ title, before, after, deltas }: WaterfallProps) {
  const steps = waterfall(before, deltas, shownSteps, (n) => t('compare.others', { n }));
  const scale = Math.max(before, after, ...steps.flatMap((step) => [step.from, step.to]));
  return (
    <section class="block" aria-label={title}>
      <h2>
        {title}
        <Percent before={before} after={after} />
      </h2>
      <table class="waterfall">
        <tbody>
          <Row label={t('peak.before')} from={0} to={before} scale={scale} tone="whole" value={before} />
          {steps.map((step, i) => (
            <Row
              key={i}
              label={step.label}
              from={Math.min(step.from, step.to)}
              to={Math.max(step.from, step.to)}
              scale={scale}
              tone={step.delta < 0 ? 'less' : 'more'}
              value={step.delta}
            />
          ))}
          <Row label={t('peak.after')} from={0} to={after} scale={scale} tone="whole" value={after} />
        </tbody>
      </table>
    </section>
  );
}

interface RowProps {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly scale: number;
  readonly tone: 'whole' | 'less' | 'more';
  readonly value: number;
}

function Row({ label, from, to, scale, tone, value }: RowProps) {
  const percent = (bytes: number): string => `${scale === 0 ? 0 : (100 * bytes) / scale}%`;
  return (
    <tr class={tone}>
      <th scope="row" title={label}>
        {label}
      </th>
      <td class="track">
        <span class="fall" style={{ left: percent(from), width: percent(to - from) }} />
      </td>
      <td class="numeric">
        {tone === 'more' && '+'}
        <Amount value={value} />
      </td>
    </tr>
  );
}
