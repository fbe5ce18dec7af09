/** "What the model will get": the first samples as they are fed, and which field feeds which input, to be corrected. */
import { l10n, ProgressLocation, QuickPickItemKind, window, type QuickPickItem } from 'vscode';
import type { DataPreview, DataSpec, InputPreview } from '../../src/runtime/index.ts';
import { withSignal } from '../document/abort.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { localize } from '../l10n/domain-text.ts';
import type { Services } from '../services.ts';
import { askLabels, boxItems, type BoxItem, type Images } from './ask-boxes.ts';
import { otherDims } from './other-dims.ts';

interface Item extends QuickPickItem {
  readonly does?: 'use' | 'labels' | { readonly input: InputPreview } | { readonly boxes: BoxItem };
}

/** The data as they are to be used; undefined where the person gave up. Random ones need no look. */
export async function confirmData(
  services: Services,
  document: OnnxDocument,
  data: DataSpec,
): Promise<DataSpec | undefined> {
  if (data.kind === 'random' || document.uri.scheme !== 'file' || !document.isOriginalOnDisk) return data;
  let spec = data;
  for (;;) {
    const preview = await previewOf(services, document, spec);
    const chosen = await window.showQuickPick(items(preview, spec), {
      title: l10n.t('What the model will get'),
      placeHolder: localize(preview.description),
      matchOnDescription: true,
    });
    if (chosen?.does === undefined) return undefined;
    if (chosen.does === 'use') return spec;
    if (chosen.does === 'labels' || 'boxes' in chosen.does) {
      if (spec.kind === 'images') spec = await changedImages(spec, chosen.does);
      continue;
    }
    const { input } = chosen.does;
    const field = await window.showInputBox({
      title: l10n.t('What feeds {0}?', input.name),
      prompt: l10n.t('The name of an array, column or field, or "random"'),
      value: input.fedBy ?? 'random',
    });
    if (field !== undefined && field.trim() !== '')
      spec = { ...spec, inputs: { ...spec.inputs, [input.name]: field.trim() } };
  }
}

async function changedImages(images: Images, does: 'labels' | { readonly boxes: BoxItem }): Promise<Images> {
  if (does === 'labels') {
    const labels = await askLabels(images);
    return labels === undefined ? images : { ...images, labels };
  }
  const boxes = await does.boxes.change();
  return boxes === undefined ? images : { ...images, boxes };
}

function previewOf(services: Services, document: OnnxDocument, data: DataSpec): Thenable<DataPreview> {
  return window.withProgress(
    { location: ProgressLocation.Notification, title: l10n.t('Looking at the data'), cancellable: true },
    (_progress, token) =>
      withSignal(token, async (signal) =>
        (await services.runner.runner()).previewData(
          { model: document.uri.fsPath, data, ...otherDims(document) },
          { signal },
        ),
      ),
  );
}

function items(preview: DataPreview, spec: DataSpec): Item[] {
  const labels = preview.labels.length === 0 ? undefined : preview.labels.join(', ');
  return [
    {
      label: l10n.t('$(play) Use these data'),
      description: l10n.t('{0} samples', preview.samples),
      detail: labels === undefined ? l10n.t('no labels') : l10n.t('labels: {0}, …', labels),
      does: 'use',
    },
    ...preview.warnings.map((w) => ({ label: `$(warning) ${localize(w)}`, does: 'use' as const })),
    { label: l10n.t('inputs; choose one to correct what feeds it'), kind: QuickPickItemKind.Separator },
    ...preview.inputs.map((input) => ({
      label: `${input.name} ← ${input.fedBy ?? l10n.t('random')}`,
      description: `${input.type} [${input.dims.join(', ')}]`,
      detail: valuesText(input),
      does: { input },
    })),
    ...(spec.kind === 'images'
      ? [
          { label: l10n.t('labels'), kind: QuickPickItemKind.Separator },
          {
            label: `$(tag) ${spec.labels ?? l10n.t('Labels from a file or folder…')}`,
            does: 'labels' as const,
          },
          ...boxesOf(preview, spec),
        ]
      : []),
  ];
}

function boxesOf({ boxesIn }: DataPreview, { boxes }: Images): Item[] {
  if (boxesIn === undefined) return [];
  return [
    {
      label: l10n.t('where the boxes are found; choose one to correct it'),
      kind: QuickPickItemKind.Separator,
    },
    ...boxItems(boxes, boxesIn).map((item) => ({ label: item.label, does: { boxes: item } })),
  ];
}

const valuesShown = 8;

/** e.g. `0…1, mean 0.286: 0, 0, 0.12, …` */
function valuesText({ min, max, mean, values }: InputPreview): string {
  const text = (v: number) => String(Number(v.toPrecision(3)));
  const first = [...values.slice(0, valuesShown)].map(text).join(', ');
  return l10n.t('{0} to {1}, mean {2}: {3}, …', text(min), text(max), text(mean), first);
}
