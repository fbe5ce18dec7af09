/** "Quantize…": from the Explorer, the editor's title or the palette. Opens the editor with the recipe, unsaved. */
import type { Uri } from 'vscode';
import type { LayerSelector } from '../../src/transforms/index.ts';
import { autoAddition, whyNothing, type Addition } from '../addition.ts';
import { applyEdit } from '../apply-edit.ts';
import { withSignal } from '../document/abort.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { quantizeEdit } from '../edits.ts';
import { isFormName, usualEdit } from '../forms.ts';
import { settings } from '../settings.ts';
import { targetModels } from '../target.ts';
import { dataFrom } from './ask-calibration.ts';
import { askQuantization, usualSqnrDb, type Quantization } from './ask-quantization.ts';
import { startForChosen } from './chosen-layers.ts';
import type { Command } from './command.ts';
import { reportEdit, reportNothingDone } from './report-edit.ts';

export const quantize: Command = {
  id: 'vramLens.quantize',
  run: async (services, argument, selection, given) => {
    const models = await targetModels(argument, selection);
    const [first] = models;
    if (first === undefined) return;
    const known = givenQuantization(given, first);
    if (known === undefined && (await startForChosen(services, first, 'quantize', argument, selection)))
      return;
    await services.processor.known();
    const asked = known ?? (await askQuantization(services, first, models.length > 1));
    if (asked === undefined) return;
    for (const uri of models) {
      const addition = await services.documents.use(uri, (document) => additionOf(document, asked));
      const applied = await applyEdit(services, uri, addition);
      if (reportNothingDone(applied))
        await services.documents.use(uri, (document) => reportEdit(document, applied));
    }
  },
};

async function additionOf(
  document: OnnxDocument,
  { form, layers, calibration }: Quantization,
): Promise<Addition> {
  if (typeof form === 'function') return { edits: [form(layers)], calibration };
  const addition = await withSignal(undefined, (signal) => autoAddition(document, layers, form, signal));
  if (addition.edits.length === 0) throw new Error(whyNothing(addition.chosen));
  return addition;
}

/**
 * For keybindings and other extensions, without a question: `{ "granularity": "per-tensor" }` is dynamic int8;
 * `{ "form": "auto", "minSqnrDb": 30 }`; `{ "form": "static", "data": "calibration.npz" }`, seen from the model;
 * `{ "form": "blocks-4" }`, or another form's name. Of all layers, or of `"layers"`: a glob over node ids, or a list of
 * ids.
 */
function givenQuantization(given: unknown, model: Uri): Quantization | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const options: Partial<Record<string, unknown>> = { ...given };
  const { form, granularity, minSqnrDb, data } = options;
  const layers = givenLayers(options['layers']);
  if (form === 'auto')
    return { layers, form: { minSqnrDb: typeof minSqnrDb === 'number' ? minSqnrDb : usualSqnrDb } };
  if (isFormName(form)) {
    const calibration = typeof data === 'string' ? dataFrom(model, data) : undefined;
    return { layers, form: (of) => usualEdit(form, of, settings), calibration };
  }
  if (granularity !== 'per-tensor' && granularity !== 'per-channel') return undefined;
  const { weights } = settings;
  return { layers, form: (of) => quantizeEdit(of, { form: 'dynamic-int8', granularity, weights }) };
}

function givenLayers(given: unknown): LayerSelector {
  if (typeof given === 'string') return { glob: given };
  return Array.isArray(given) ? { nodes: given.map(String) } : { all: true };
}
