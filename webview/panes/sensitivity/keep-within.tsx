/** What comes after a sensitivity: how much may be lost in all, and what each layer can lose then. */
import type { SensitivityView } from '../../../src/protocol.ts';
import { Icon } from '../../components/icon.tsx';
import { t } from '../../l10n/index.ts';
import { isFitting, maxLoss, setMaxLoss, suggestRatios } from '../../state/sensitivity.ts';
import { isTrusted } from '../../state/store.ts';

export function KeepWithin({ view }: { readonly view: SensitivityView }) {
  const isAccuracy = view.measure === 'accuracy';
  const loss = maxLoss(view.measure);
  return (
    <form
      class="keep-within"
      title={t('ratios.hint')}
      onSubmit={(e) => {
        e.preventDefault();
        void suggestRatios(view);
      }}
    >
      <label>
        {t(isAccuracy ? 'ratios.points' : 'ratios.similarity')}{' '}
        <input
          class="text-input"
          type="number"
          {...(isAccuracy ? { min: 0.1, max: 50, step: 0.1 } : { min: 0, max: 0.999, step: 0.001 })}
          required
          value={isAccuracy ? plain(100 * loss) : plain(1 - loss)}
          onInput={(e) => {
            const { valueAsNumber, validity } = e.currentTarget;
            if (validity.valid)
              setMaxLoss(view.measure, isAccuracy ? valueAsNumber / 100 : 1 - valueAsNumber);
          }}
        />{' '}
        {isAccuracy && t('ratios.unit')}
      </label>
      <button type="submit" class="button" disabled={isFitting.value || !isTrusted.value}>
        <Icon name="lightbulb" />
        {t(isFitting.value ? 'ratios.running' : 'ratios.suggest')}
      </button>
    </form>
  );
}

/** Without the digits that binary fractions bring. */
const plain = (value: number): number => Number(value.toFixed(4));
