/** In the place of a figure that is not there: yet to come, or unknown, with the reason as tooltip. */
import { t } from '../l10n/index.ts';
import { isEarly } from '../state/store.ts';

export function Missing({ hint }: { readonly hint?: string | undefined }) {
  return isEarly.value ? (
    <span class="early" title={t('working')}>
      …
    </span>
  ) : (
    <span class="amount unknown" title={hint ?? t('unknown.hint')}>
      {t('unknown')}
    </span>
  );
}
