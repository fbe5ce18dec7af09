/** The edit that a dialog is about: its options, and what it would do, asked anew at every change. */
import { signal } from '@preact/signals';
import type {
  BlockOptions,
  CalibrationView,
  CastOptions,
  ChannelOptions,
  EditRequest,
  FormName,
  FormView,
  PreviewView,
  QuantizeOptions,
  ZeroOptions,
} from '../../src/protocol.ts';
import { ask, complain, host, messageOf } from './host.ts';
import { latest } from './latest.ts';
import { draft, estimate } from './store.ts';

const askPreview = latest((edit: EditRequest) => host().preview(edit), showPreview, showFailure);

function showPreview(view: PreviewView, edit: EditRequest): void {
  if (draft.peek()?.edit === edit) draft.value = { edit, preview: { kind: 'known', view } };
}

function showFailure(error: unknown, edit: EditRequest): void {
  if (draft.peek()?.edit === edit)
    draft.value = { edit, preview: { kind: 'failed', message: messageOf(error) } };
}

/** Reads weights, which may take long: nothing waits for it, and the host gives it up when asked anew. */
function askAuto(edit: EditRequest): void {
  draft.value = { edit, preview: { kind: 'pending' } };
  host()
    .preview(edit)
    .then(
      (view) => showPreview(view, edit),
      (error: unknown) => showFailure(error, edit),
    );
}

function think(edit: EditRequest): void {
  if (edit.type === 'quantize' && edit.options.form === 'auto') {
    askAuto(edit);
    return;
  }
  const before = draft.peek();
  const scores = scoresAskedFor(edit);
  const isRead = scores !== undefined && scores !== (before && scoresAskedFor(before.edit));
  // The last figures stay while new ones are on their way: a slider must not make the dialog flicker.
  const preview =
    before?.preview.kind === 'known' && !isRead ? before.preview : ({ kind: 'pending' } as const);
  draft.value = { edit, preview };
  askPreview(edit);
}

/** Of which channels the weights or data are read before a preview, and how; undefined: of none. */
export function scoresAskedFor(edit: EditRequest): string | undefined {
  if (edit.type !== 'prune' || edit.options.kind !== 'channels' || edit.options.scope !== 'global')
    return undefined;
  const { importance, approximate, calibration } = edit.options;
  return JSON.stringify([edit.layerIds, importance, approximate, calibration]);
}

export type ListedForm = FormName | 'auto';

/** What each form would make of the draft's layers; empty until it is known. */
export const draftForms = signal<readonly FormView[]>([]);

/** Where the recipe names none: few, since they tell little. */
export const randomCalibration: CalibrationView = { samples: 32 };

export const usualCast: CastOptions = { to: 'float16', keepIo: true };

/** What a form begins with; with the data chosen before. */
export function usualOptions(form: Exclude<ListedForm, 'float16'>): QuantizeOptions {
  const edit = draft.peek()?.edit;
  const before =
    edit?.type === 'quantize' && 'calibration' in edit.options ? edit.options.calibration : undefined;
  const calibration = before ?? estimate.peek()?.calibration ?? randomCalibration;
  switch (form) {
    case 'auto':
      return { form, minSqnrDb: 30 };
    case 'dynamic-int8':
      return { form, granularity: 'per-channel', weights: 'usual' };
    case 'static':
      return {
        ...{ form, format: 'qdq', activationType: 'uint8', weights: 'usual', granularity: 'per-channel' },
        ...{ range: 'minmax', isSymmetric: false, equalize: false, biasCorrection: false, calibration },
      };
    default:
      return {
        ...{ form: 'blocks', bits: bitsOf[form], blockSize: 32, isSymmetric: false },
        ...{ algorithm: 'round', operator: 'MatMulNBits' },
      };
  }
}

const bitsOf = { 'blocks-2': 2, 'blocks-4': 4, 'blocks-8': 8 } as const;

export function startQuantize(layerIds: readonly string[]): void {
  draftForms.value = [];
  think({ type: 'quantize', layerIds, options: usualOptions('dynamic-int8') });
  host()
    .forms(layerIds)
    .then(
      (views) => {
        if (draft.peek()?.edit.layerIds === layerIds) draftForms.value = views;
      },
      (error: unknown) => complain('failed.forms', error),
    );
}

/** undefined where the person gave up, or the host could not. */
export const chooseCalibration = (kind: 'file' | 'folder'): Promise<CalibrationView | undefined> =>
  ask('failed.calibration', (h) => h.chooseCalibration(kind));

/** First, since it is what saves memory. */
export const usualChannels: ChannelOptions = {
  kind: 'channels',
  importance: 'expected',
  ratio: 0.5,
  repair: 'none',
};
export const usualZeros: ZeroOptions = { kind: 'zeros', method: 'magnitude', ratio: 0.5, scope: 'layer' };

/** Which, is told once the list is known. */
export const usualBlocks: BlockOptions = { blocks: [], importance: 'weights' };

export function startPrune(layerIds: readonly string[]): void {
  think({ type: 'prune', layerIds, options: usualChannels });
}

export function changeDraft(edit: EditRequest): void {
  think(edit);
}

/** As the dialog's own choice does. */
export function allowApproximate(): void {
  const edit = draft.peek()?.edit;
  if (edit?.type === 'prune' && edit.options.kind === 'channels')
    think({ ...edit, options: { ...edit.options, approximate: true } });
}

export function cancelDraft(): void {
  draft.value = undefined;
}
