/** Warns of layers that one scale for the whole weight serves badly: weights are read for it, within a limit. */
import type { CoarseLayersView } from '../../src/protocol.ts';
import { formatBytes } from '../../src/format.ts';
import { Icon } from '../components/icon.tsx';
import { t } from '../l10n/index.ts';
import { decibels } from '../lib/quantity.ts';
import { useAnswer, useStopReading } from '../state/answer.ts';

/** The worst ones; the rest are counted. */
const named = 3;

export function CoarseLayers({ layerIds }: { readonly layerIds: readonly string[] }) {
  const answer = useAnswer((h) => h.coarseLayers(layerIds), [layerIds.join('\n')]);
  useStopReading();
  if (answer.kind === 'pending') return null;
  if (answer.kind === 'failed')
    return (
      <p class="error-text" role="alert">
        {answer.message}
      </p>
    );
  const { layers } = answer.view;
  const extent = extentOf(answer.view);
  if (layers.length === 0 && extent === undefined) return null;
  return (
    <div class="coarse-layers" role="status">
      {layers.slice(0, named).map(({ name, perTensorDb, perChannelDb }) => (
        <p key={name} class="preview-line warning">
          <Icon name="warning" />
          <span>
            {t('quantize.coarse', {
              name,
              tensor: decibels(perTensorDb),
              channel: decibels(perChannelDb),
            })}
          </span>
        </p>
      ))}
      {layers.length > named && (
        <p class="muted">{t('quantize.coarse.more', { n: layers.length - named })}</p>
      )}
      {extent !== undefined && <p class="muted">{extent}</p>}
    </div>
  );
}

/** Undefined where every layer was looked at. */
function extentOf({ looked, nextBytes }: CoarseLayersView): string | undefined {
  if (nextBytes === undefined) return undefined;
  if (looked.layers === 0) return t('quantize.coarse.unread', { size: formatBytes(nextBytes) });
  const size = formatBytes(looked.uptoBytes);
  return t('quantize.coarse.limit', { n: looked.layers, total: looked.of, size });
}
