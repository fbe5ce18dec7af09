/** Asks for a check of the edited model against the original. */
import { t } from '../l10n/index.ts';
import { checkAccuracy } from '../state/actions.ts';
import { isTrusted } from '../state/store.ts';
import { Icon } from './icon.tsx';

export function CheckButton() {
  return (
    <button
      type="button"
      class="button check-button"
      disabled={!isTrusted.value}
      title={isTrusted.value ? t('action.check.hint') : t('action.check.untrusted')}
      onClick={() => void checkAccuracy()}
    >
      <Icon name="beaker" />
      <span>{t('action.check')}</span>
    </button>
  );
}
