/** The common cards that hold the peak, least memory first. */
import { useEffect, useState } from 'preact/hooks';
import { formatBytes } from '../../../src/format.ts';
import type { CardsView } from '../../../src/protocol.ts';
import { peakOf } from '../../lib/causes.ts';
import { t } from '../../l10n/index.ts';
import { ask } from '../../state/host.ts';
import { estimate } from '../../state/store.ts';

export function CardsPanel() {
  const totals = estimate.value?.totals;
  const bytes = totals === undefined ? 0 : peakOf(totals).bytes;
  const [cards, setCards] = useState<readonly CardsView[] | undefined>(undefined);
  useEffect(() => {
    let isCurrent = true;
    void ask('failed.devices', (h) => h.cards(bytes)).then((found) => {
      if (isCurrent) setCards(found);
    });
    return () => {
      isCurrent = false;
    };
  }, [bytes]);
  return (
    <div class="beyond">
      <p class="muted">{t('cards.text', { bytes: formatBytes(bytes) })}</p>
      {cards !== undefined && <CardList cards={cards} />}
    </div>
  );
}

export function CardList({ cards }: { readonly cards: readonly CardsView[] }) {
  if (cards.length === 0) return <p>{t('cards.none')}</p>;
  return (
    <dl class="card-list" tabIndex={0} aria-label={t('cards.title')}>
      {cards.map(({ memoryBytes, names }) => (
        <div key={memoryBytes}>
          <dt>{formatBytes(memoryBytes)}</dt>
          <dd>{names.join(', ')}</dd>
        </div>
      ))}
    </dl>
  );
}
