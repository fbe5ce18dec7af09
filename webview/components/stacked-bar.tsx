/** The peak by cause as one bar: on the scale of a budget, or of the larger of two bars. */
import { formatBytes } from '../../src/format.ts';
import type { TotalsView } from '../../src/protocol.ts';
import { t } from '../l10n/index.ts';
import { causesOf, peakOf } from '../lib/causes.ts';
import { isEarly } from '../state/store.ts';

export interface StackedBarProps {
  readonly totals: TotalsView;
  /** Bytes that the full width stands for. */
  readonly scale: number;
  readonly label: string;
  readonly isFaded?: boolean;
}

export function StackedBar({ totals, scale, label, isFaded = false }: StackedBarProps) {
  const parts = causesOf(totals).map((cause) => ({ cause, bytes: cause.bytes(totals) }));
  const spoken = parts
    .map(({ cause, bytes }) => `${t(cause.title)} ${bytes === undefined ? t('unknown') : formatBytes(bytes)}`)
    .join(', ');
  return (
    <div
      class={`stacked-bar ${isFaded ? 'faded' : ''}`}
      role="img"
      aria-label={isEarly.value ? t('working') : `${label}: ${formatBytes(peakOf(totals).bytes)}. ${spoken}`}
    >
      {parts.map(({ cause, bytes }) => (
        <span
          key={cause.id}
          class={`part cause-${cause.id}`}
          style={{ width: `${scale === 0 ? 0 : (100 * (bytes ?? 0)) / scale}%` }}
          title={`${t(cause.title)}: ${bytes === undefined ? t('unknown') : formatBytes(bytes)}`}
        />
      ))}
    </div>
  );
}
