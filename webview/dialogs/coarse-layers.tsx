/** Warns of layers that one scale for the whole weight serves badly: weights are read for it. */
import { useEffect, useState } from 'preact/hooks';
import type { CoarseLayerView } from '../../src/protocol.ts';
import { Icon } from '../components/icon.tsx';
import { t } from '../l10n/index.ts';
import { decibels } from '../lib/quantity.ts';
import { host } from '../state/host.ts';

/** The worst ones; the rest are counted. */
const named = 3;

export function CoarseLayers({ layerIds }: { readonly layerIds: readonly string[] }) {
  const layers = useCoarse(layerIds);
  if (layers.length === 0) return null;
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
    </div>
  );
}

function useCoarse(layerIds: readonly string[]): readonly CoarseLayerView[] {
  const [layers, setLayers] = useState<readonly CoarseLayerView[]>([]);
  const key = layerIds.join('\n');
  useEffect(() => {
    let isStale = false;
    const show = (next: readonly CoarseLayerView[]): void => {
      if (!isStale) setLayers(next);
    };
    show([]);
    // weights that cannot be read or quantized are named by the preview and when they are written
    host()
      .coarseLayers(layerIds)
      .then(show, () => undefined);
    return () => {
      isStale = true;
    };
  }, [key]);
  return layers;
}
