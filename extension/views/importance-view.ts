/** How much the channels or the weights of a layer matter, ready to be drawn with a cut at any ratio. */
import { l10n } from 'vscode';
import { OnnxError, type Model } from '../../src/onnx/index.ts';
import type { ImportanceView, PruneOptions } from '../../src/protocol.ts';
import { channelImportance, weightImportance } from '../../src/transforms/index.ts';
import type { Job } from '../session/protocol.ts';
import type { Shown } from '../session/shown.ts';
import { localize } from '../l10n/domain-text.ts';

/** What was read once stays as long as the model is shown. */
const known = new WeakMap<Model, Map<string, ImportanceView>>();

/** Streams the weights of the layer's groups (of channels) or its own, once or twice. */
export async function importanceView(
  document: Shown,
  { signal }: Job,
  layerId: string,
  options: PruneOptions,
): Promise<ImportanceView> {
  const { applied, model } = document.snapshot;
  const node = applied().idsAfter.get(layerId)?.[0] ?? layerId;
  const by =
    options.kind === 'channels'
      ? [options.importance, options.roundTo, options.approximate]
      : [options.method];
  const key = JSON.stringify([node, ...by]);
  const views = known.get(model) ?? new Map<string, ImportanceView>();
  known.set(model, views);
  const view = views.get(key) ?? (await read(model, node, options, signal));
  views.set(key, view);
  return view;
}

async function read(
  model: Model,
  node: string,
  options: PruneOptions,
  signal: AbortSignal,
): Promise<ImportanceView> {
  const looksAtData =
    options.kind === 'channels'
      ? options.importance === 'activation' || options.importance === 'reconstruction'
      : options.method === 'wanda' || options.method === 'sparsegpt';
  if (looksAtData) return without(l10n.t('It is known once calibration data have run through the model.'));
  if (options.kind === 'zeros' && options.method === 'random')
    return without(l10n.t('At random, any weight may go.'));
  try {
    const parts =
      options.kind === 'channels'
        ? await channelImportance(model, node, options, signal)
        : [await weightImportance(model, node, signal)];
    return parts.length > 0 ? { parts } : without(l10n.t('It has no channels that can go.'));
  } catch (error) {
    if (error instanceof OnnxError && error.kind === 'unsupported') return without(localize(error.message));
    throw error;
  }
}

function without(note: string): ImportanceView {
  return { parts: [], note };
}
