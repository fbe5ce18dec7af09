/** One figure: number and unit, "unknown" with its reason, "≥" where a term of the sum is unknown. */
import { t, wholeNumber } from '../l10n/index.ts';
import { bytesOf, countOf, type Quantity } from '../lib/quantity.ts';
import { Missing } from './missing.tsx';

export interface AmountProps {
  /** undefined: unknown. */
  readonly value: number | undefined;
  readonly kind?: 'bytes' | 'count';
  readonly isAtLeast?: boolean;
  /** Why it is unknown, or what it means: the tooltip. */
  readonly hint?: string | undefined;
}

export function Amount({ value, kind = 'bytes', isAtLeast = false, hint }: AmountProps) {
  if (value === undefined) return <Missing hint={hint} />;
  const { number, unit }: Quantity = kind === 'bytes' ? bytesOf(value) : countOf(value);
  return (
    <span class="amount" title={hint ?? exactAmount(value, kind)}>
      {isAtLeast && <span title={t('atLeast.hint')}>≥&#8239;</span>}
      {number}
      <span class="unit">{unit === '' ? '' : ` ${unit}`}</span>
    </span>
  );
}

/** '37,248 bytes' */
export function exactAmount(value: number, kind: 'bytes' | 'count'): string {
  const whole = wholeNumber(value);
  return kind === 'bytes' ? t('bytes.exact', { bytes: whole }) : whole;
}
