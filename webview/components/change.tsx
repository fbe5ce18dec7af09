/** Before → after, with the change in percent. */
import { signedPercent } from '../lib/quantity.ts';
import { Amount, type AmountProps } from './amount.tsx';

export interface ChangeProps {
  readonly before: number | undefined;
  readonly after: number | undefined;
  readonly isAtLeast?: boolean;
  readonly hasPercent?: boolean;
  readonly kind?: NonNullable<AmountProps['kind']>;
}

export function Change({ before, after, isAtLeast = false, hasPercent = true, kind = 'bytes' }: ChangeProps) {
  return (
    <span class="change">
      <span class="before">
        <Amount value={before} isAtLeast={isAtLeast} kind={kind} />
      </span>
      <span class="arrow"> → </span>
      <Amount value={after} isAtLeast={isAtLeast} kind={kind} />
      {hasPercent && before !== undefined && after !== undefined && <Percent before={before} after={after} />}
    </span>
  );
}

export function Percent({ before, after }: { readonly before: number; readonly after: number }) {
  const tone = after < before ? 'less' : after > before ? 'more' : 'same';
  return <span class={`percent ${tone}`}> {signedPercent(before, after)}</span>;
}
