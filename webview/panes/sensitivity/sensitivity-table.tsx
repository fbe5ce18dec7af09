/** All figures: a row per layer, a column per ratio. */
import type { SensitivityView } from '../../../src/protocol.ts';
import { t } from '../../l10n/index.ts';
import { sharePercent } from '../../lib/quantity.ts';
import { moveFocus } from '../../lib/roving.ts';
import { maxLoss, pruneAsMeasured } from '../../state/sensitivity.ts';
import { figureOf } from './scale.ts';

export function SensitivityTable({ view }: { readonly view: SensitivityView }) {
  const { ratios, layers, original, measure } = view;
  return (
    <div class="table-scroll" tabIndex={0} role="group" aria-label={t('sensitivity.table')}>
      <table class="plain checks-table">
        <caption class="muted">
          {t(measure === 'accuracy' ? 'sensitivity.byAccuracy' : 'sensitivity.bySimilarity')}
        </caption>
        <thead>
          <tr>
            <th scope="col">{t('column.name')}</th>
            <th scope="col" class="numeric">
              {t('peak.before')}
            </th>
            {ratios.map((ratio) => (
              <th key={ratio} scope="col" class="numeric">
                {sharePercent(ratio, 1)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {layers.map((layer) => (
            <tr key={layer.layerId} onKeyDown={(e) => moveFocus(e, 'button')}>
              <th scope="row">{layer.name}</th>
              <td class="numeric">{original === undefined ? '' : figureOf(view, original)}</td>
              {layer.reason !== undefined && layer.values.every((v) => v === null) ? (
                <td colSpan={ratios.length} class="muted sensitivity-reason">
                  {layer.reason}
                </td>
              ) : (
                layer.values.map((value, i) => (
                  <td key={i} class="numeric">
                    {value !== null && (
                      <button
                        type="button"
                        class={isLess(view, value) ? 'link figure below' : 'link figure'}
                        title={t('sensitivity.pruneSo')}
                        tabIndex={i === 0 ? 0 : -1}
                        onClick={() => pruneAsMeasured(view, layer.layerId, ratios[i] ?? 0)}
                      >
                        {figureOf(view, value)}
                      </button>
                    )}
                  </td>
                ))
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Worse than what a person allows the model to lose. */
function isLess({ original, measure }: SensitivityView, value: number): boolean {
  return original !== undefined && original - value > maxLoss(measure) + 1e-9;
}
