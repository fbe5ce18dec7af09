/** The questions of "Quantize…": which layers, which form, with what each would save, and which data if it needs any. */
import { l10n, window, type QuickPickItem, type Uri } from 'vscode';
import { formatBytes, formatChange } from '../../src/format.ts';
import type { FormName } from '../../src/protocol.ts';
import type { CalibrationData, LayerSelector } from '../../src/transforms/index.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { quantizeEdit } from '../edits.ts';
import { usualEdit, type FormEdit } from '../forms.ts';
import type { Services } from '../services.ts';
import { settings, type Granularity } from '../settings.ts';
import { askCalibration } from './ask-calibration.ts';

/** What was chosen, for one model or for several. */
export interface Quantization {
  readonly layers: LayerSelector;
  /** One form, or for each layer its own. */
  readonly form: ((layers: LayerSelector) => FormEdit) | { readonly minSqnrDb: number };
  readonly calibration?: CalibrationData | undefined;
}

/** An error of 3 % of the weight: as `vram-lens quantize --auto` has it. */
export const usualSqnrDb = 30;

interface Choice extends QuickPickItem {
  readonly name: FormName | 'auto';
  readonly form: Quantization['form'];
}

/** @param isSeveral for several models: then of all layers, with figures for the first */
export async function askQuantization(
  services: Services,
  uri: Uri,
  isSeveral: boolean,
): Promise<Quantization | undefined> {
  return services.documents.use(uri, async (document) => {
    const layers = isSeveral ? { all: true as const } : await askLayers(document);
    if (layers === undefined) return undefined;
    const chosen = await window.showQuickPick(await choicesFor(document, layers), {
      title: l10n.t('Quantize to what?'),
      placeHolder: l10n.t('Nothing is written until you save.'),
      matchOnDetail: true,
    });
    if (chosen === undefined) return undefined;
    const { name, form } = chosen;
    if (name !== 'static') return { layers, form };
    const calibration = await askCalibration(document);
    return calibration && { layers, form, calibration };
  });
}

/** Auto first, then the form that suits the EP, then the others. */
async function choicesFor(document: OnnxDocument, layers: LayerSelector): Promise<Choice[]> {
  const best = await document.ask('recommendedForm');
  const forms = await Promise.all(
    forEachForm().map(async ({ name, form, label, detail }) => ({
      ...{ name, form, label },
      ...(await outcome(document, name, form(layers), detail)),
    })),
  );
  const auto: Choice = {
    name: 'auto',
    form: { minSqnrDb: usualSqnrDb },
    label: l10n.t('Auto'),
    description: l10n.t('for {0}; weights keep {1} dB', document.options.ep, usualSqnrDb),
    detail: l10n.t('For each layer the smallest form that stays small there; reads the weights'),
  };
  const rank = ({ name }: Choice): number => (name === best ? 0 : 1);
  return [auto, ...forms.sort((a, b) => rank(a) - rank(b))];
}

interface OfferedForm {
  readonly name: FormName;
  readonly form: (layers: LayerSelector) => FormEdit;
  readonly label: string;
  readonly detail: string;
}

function forEachForm(): OfferedForm[] {
  const { granularity, weights } = settings;
  const usual = (name: FormName) => ({
    name,
    form: (layers: LayerSelector) => usualEdit(name, layers, settings),
  });
  const int8 = (of: Granularity, label: string, detail: string): OfferedForm => ({
    ...{ name: 'dynamic-int8', label, detail },
    form: (layers) => quantizeEdit(layers, { form: 'dynamic-int8', granularity: of, weights }),
  });
  const perChannel = int8(
    'per-channel',
    l10n.t('int8, per channel'),
    l10n.t('One scale per output channel: closest to the original'),
  );
  const perTensor = int8(
    'per-tensor',
    l10n.t('int8, per tensor'),
    l10n.t('One scale per weight: smallest and simplest'),
  );
  return [
    ...(granularity === 'per-channel' ? [perChannel, perTensor] : [perTensor, perChannel]),
    {
      ...usual('blocks-8'),
      label: l10n.t('int8 in blocks, weights only'),
      detail: l10n.t(
        'MatMulNBits: matrix products stay small on GPUs, too; convolutions are left as they are',
      ),
    },
    {
      ...usual('blocks-4'),
      label: l10n.t('int4 in blocks, weights only'),
      detail: l10n.t('Half of that again, at the price of precision'),
    },
    {
      ...usual('static'),
      label: l10n.t('Static int8'),
      detail: l10n.t('Activations, too, in ranges that data tell; asks for the data'),
    },
    {
      ...usual('float16'),
      label: 'float16',
      detail: l10n.t('Weights and activations at half the size, for GPUs that compute in float16'),
    },
  ];
}

/** What the model would weigh, and what the EP would not save. */
async function outcome(
  document: OnnxDocument,
  name: FormName,
  edit: FormEdit,
  detail: string,
): Promise<Pick<Choice, 'description' | 'detail'>> {
  const view = await document.ask('formView', name, edit);
  if (view.changedLayers === 0) return { description: l10n.t('changes no layer') };
  const {
    weights: [, before],
  } = await document.ask('savings');
  const after = before - view.beforeBytes + view.afterBytes;
  const description = `${formatBytes(before)} → ${formatBytes(after)} (${formatChange(before, after)})`;
  return {
    description,
    detail: view.warning === undefined ? detail : `${detail} $(warning) ${view.warning}`,
  };
}

/** All layers, or some of them, largest first; undefined where the person gave up. */
async function askLayers(document: OnnxDocument): Promise<LayerSelector | undefined> {
  const able = await document.ask('quantizableLayers');
  const bytes = able.reduce((sum, l) => sum + l.parameterBytes, 0);
  const all = {
    label: l10n.t('All layers'),
    description: l10n.t('{0} with {1}', able.length, formatBytes(bytes)),
  };
  const some = { label: l10n.t('Choose layers…') };
  const chosen = await window.showQuickPick([all, some], {
    title: l10n.t('Quantize which layers of {0}?', document.fileName),
  });
  if (chosen === undefined) return undefined;
  if (chosen === all) return { all: true };
  const items = able.map((layer) => ({
    label: layer.name,
    description: `${layer.opType} · ${formatBytes(layer.parameterBytes)}`,
    id: layer.id,
  }));
  const picked = await window.showQuickPick(items, {
    title: l10n.t('Quantize which layers of {0}?', document.fileName),
    canPickMany: true,
    matchOnDescription: true,
  });
  return picked === undefined || picked.length === 0 ? undefined : { nodes: picked.map((p) => p.id) };
}
