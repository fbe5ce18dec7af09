/** What a language model may do in chat, once the person agrees: write a quantized copy beside the model. */
import { l10n, LanguageModelTextPart, LanguageModelToolResult, type LanguageModelTool } from 'vscode';
import type { LayerSelector } from '../../src/transforms/index.ts';
import { withSignal } from '../document/abort.ts';
import { dataFrom } from '../commands/ask-calibration.ts';
import { quantizeEdit } from '../edits.ts';
import { formNames, isFormName, usualEdit, type FormEdit } from '../forms.ts';
import type { Services } from '../services.ts';
import { settings } from '../settings.ts';
import { modelUri } from './estimate-tool.ts';

/** As `languageModelTools` in package.json describes it. */
interface Input {
  readonly path: string;
  readonly output: string;
  readonly perChannel?: boolean;
  /** `dynamic-int8` where left out. */
  readonly form?: string;
  /** Path of data, from the model's folder; for `static`. */
  readonly calibration?: string;
  /** Ids of layers; all that can be quantized where left out. */
  readonly layers?: readonly string[];
}

export function quantizeTool({ documents }: Services): LanguageModelTool<Input> {
  return {
    prepareInvocation: ({ input }) => ({
      invocationMessage: l10n.t('Quantizing {0}', input.path),
      confirmationMessages: {
        title: l10n.t('Quantize {0}?', input.path),
        message: l10n.t(
          'The quantized model is written to {0}. {1} stays as it is.',
          input.output,
          input.path,
        ),
      },
    }),
    invoke: async ({ input }, token) => {
      const [source, target] = [modelUri(input.path), modelUri(input.output)];
      if (source.toString() === target.toString())
        throw new Error(
          l10n.t('The output is the model itself; choose another file, so that the original stays.'),
        );
      const text = await documents.use(source, async (document) => {
        const layers = input.layers === undefined ? { all: true as const } : { nodes: input.layers };
        // on the file as it is: what a person is editing meanwhile is theirs
        const edits = [editOf(input, layers)];
        const data = input.calibration === undefined ? undefined : dataFrom(source, input.calibration);
        const quantized = document.under(edits, data);
        const { lines, reason } = await quantized.ask('quantizedReport');
        if (reason !== undefined) throw new Error(reason);
        const warnings = await withSignal(token, (signal) => quantized.write(target, signal));
        return [...lines, ...warnings, `written to ${target.fsPath}`].join('\n');
      });
      return new LanguageModelToolResult([new LanguageModelTextPart(text)]);
    },
  };
}

function editOf({ form = 'dynamic-int8', perChannel }: Input, layers: LayerSelector): FormEdit {
  if (!isFormName(form)) throw new Error(`form: expected one of ${formNames.join(', ')}, got ${form}`);
  if (form !== 'dynamic-int8') return usualEdit(form, layers, settings);
  const granularity = perChannel === false ? 'per-tensor' : 'per-channel';
  return quantizeEdit(layers, { form, granularity, weights: 'usual' });
}
