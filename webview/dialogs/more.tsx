/** Settings that are rarely changed, out of the way until they are asked for. */
import type { ComponentChildren } from 'preact';
import { t } from '../l10n/index.ts';

export function More({ children }: { readonly children: ComponentChildren }) {
  return (
    <details class="more">
      <summary>{t('more')}</summary>
      <div class="more-content">{children}</div>
    </details>
  );
}
