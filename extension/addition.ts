/** What a request adds to the recipe: one edit, or those that a look at the weights tells (`auto`). */
import { l10n, ProgressLocation } from 'vscode';
import type { AutoOptions, CalibrationView, ChannelOptions, EditRequest } from '../src/protocol.ts';
import type {
  CalibrationData,
  ChosenForms,
  Edit,
  LayerSelector,
  PruneChannelsEdit,
} from '../src/transforms/index.ts';
import { calibrationData } from './calibration-data.ts';
import { withJobProgress } from './document/job-progress.ts';
import type { OnnxDocument } from './document/onnx-document.ts';
import { editFor, namedLayers } from './edits.ts';
import { localize } from './l10n/domain-text.ts';
import { editsByLayer } from './layer-ratios.ts';
import type { RunSettings } from './session/protocol.ts';

export interface Addition {
  readonly edits: readonly Edit[];
  /** The data that the recipe names from then on; undefined: as before. */
  readonly calibration?: CalibrationData | undefined;
  /** Where forms were chosen: what becomes of each layer. */
  readonly chosen?: ChosenForms['layers'] | undefined;
}

/**
 * @param settings what models are run with, where the importance of channels looks at data
 * @throws RangeError where the request cannot be; of `auto` and `global` what reading the weights, or running data, throws
 */
export async function additionFor(
  document: OnnxDocument,
  request: EditRequest,
  signal: AbortSignal,
  settings?: () => Promise<RunSettings>,
): Promise<Addition> {
  if (request.type === 'cast' || request.type === 'prune-blocks') return { edits: [editFor(request)] };
  if (request.type === 'prune') {
    const { options } = request;
    if (options.ratios !== undefined) {
      const edits = editsByLayer(options.ratios, options, await document.ask('channelGroups'));
      return withData(edits, options.calibration);
    }
    const edit = editFor(request);
    if (edit.type !== 'prune-channels' || options.kind !== 'channels' || options.scope !== 'global')
      return withData([edit], options.calibration);
    const ratios = await ratiosOf(document, edit, options, signal, settings);
    return withData([{ ...edit, ratios }], options.calibration);
  }
  const { options, layerIds } = request;
  if (options.form === 'auto') return autoAddition(document, namedLayers(request), options, signal);
  const edits = [editFor({ type: 'quantize', layerIds, options })];
  return withData(edits, 'calibration' in options ? options.calibration : undefined);
}

function withData(edits: readonly Edit[], data: CalibrationView | undefined): Addition {
  return data === undefined ? { edits } : { edits, calibration: calibrationData(data) };
}

/** What one ratio for all groups makes of each. */
async function ratiosOf(
  document: OnnxDocument,
  edit: PruneChannelsEdit,
  { importance, maxRatio, calibration }: ChannelOptions,
  signal: AbortSignal,
  settings: (() => Promise<RunSettings>) | undefined,
): Promise<Readonly<Record<string, number>>> {
  const isRun =
    importance === 'activation' ||
    importance === 'reconstruction' ||
    (await document.ask('needsCalibration'));
  const data = calibration && calibrationData(calibration);
  const request = { edit, maxRatio, data, settings: isRun ? await settings?.() : undefined };
  return document.run('channelRatios', [request], { signal });
}

export async function autoAddition(
  document: OnnxDocument,
  layers: LayerSelector,
  { minSqnrDb }: Pick<AutoOptions, 'minSqnrDb'>,
  signal: AbortSignal,
): Promise<Addition> {
  const { edits, layers: chosen } = await choose(document, layers, minSqnrDb, signal);
  return { edits, chosen };
}

/** Why forms were chosen for no layer at all. */
export function whyNothing(chosen: Addition['chosen'] = []): string {
  const [first] = chosen;
  return first === undefined
    ? l10n.t('The model has no layer this can be applied to.')
    : l10n.t('{0}: {1}', first.node, localize(first.reason ?? ''));
}

/** Below this, it is over before anyone could read a message. */
const noteworthyBytes = 64 * 1024 * 1024;

async function choose(
  document: OnnxDocument,
  layers: LayerSelector,
  minSqnrDb: number,
  outer: AbortSignal,
): Promise<ChosenForms> {
  if (!Number.isFinite(minSqnrDb)) throw new RangeError(`expected decibels, got ${minSqnrDb}`);
  const isLarge = document.file.sizeBytes >= noteworthyBytes;
  return withJobProgress(
    {
      location: isLarge ? ProgressLocation.Notification : ProgressLocation.Window,
      title: l10n.t('Trying forms on the weights of {0}', document.fileName),
      cancellable: isLarge,
    },
    ({ signal, onProgress }) =>
      document.run('chooseForms', [layers, minSqnrDb], {
        signal: AbortSignal.any([outer, signal]),
        onProgress,
      }),
  );
}
