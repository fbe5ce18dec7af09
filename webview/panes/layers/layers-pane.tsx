/** The layer table with its tools. */
import { layers } from '../../state/store.ts';
import { t } from '../../l10n/index.ts';
import { items } from '../../state/rows.ts';
import { patchView } from '../../state/store.ts';
import { LayerGrid } from './layer-grid.tsx';
import { LayerTools } from './layer-tools.tsx';

export function LayersPane() {
  return (
    <>
      <LayerTools />
      {items.value.length === 0 ? <Nothing /> : <LayerGrid />}
    </>
  );
}

function Nothing() {
  if (layers.value.length === 0) return <p class="empty">{t('layers.none')}</p>;
  return (
    <div class="empty">
      <p>{t('layers.noMatch')}</p>
      <button type="button" class="button secondary" onClick={() => patchView({ filter: '', kind: 'all' })}>
        {t('layers.clearFilter')}
      </button>
    </div>
  );
}
