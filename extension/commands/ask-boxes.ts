/** Of images with labels: where those are, which outputs hold the boxes that a detector finds, and how. */
import { l10n, Uri, window, type QuickPickItem } from 'vscode';
import type { BoxOutputs, BoxRole, DataSpec } from '../../src/runtime/index.ts';

export type Images = Extract<DataSpec, { kind: 'images' }>;

const roles: readonly BoxRole[] = ['boxes', 'scores', 'labels', 'detections'];
const formats = ['xyxy', 'xywh', 'cxcywh'] as const;
const scales = ['pixels', 'normalised'] as const;
const classes = ['ids', 'order'] as const;

export interface BoxItem extends QuickPickItem {
  readonly change: () => Promise<BoxOutputs | undefined>;
}

/** One for each thing that is guessed where nothing is chosen. */
export function boxItems(given: BoxOutputs = {}, outputs: readonly string[]): BoxItem[] {
  const overlaps = [false, 0.45, 0.6, 0.7] as const;
  return [
    ...roles.map((role) =>
      item(l10n.t('output: {0}', role), given.outputs?.[role], outputs, (name) => ({
        ...given,
        outputs: { ...given.outputs, [role]: name },
      })),
    ),
    item(l10n.t('box format'), given.format, formats, (format) => ({ ...given, format })),
    item(l10n.t('box scale'), given.scale, scales, (scale) => ({ ...given, scale })),
    item(l10n.t('class numbers'), given.classes, classes, (how) => ({ ...given, classes: how })),
    item(l10n.t('objectness'), given.hasObjectness, [true, false], (hasObjectness) => ({
      ...given,
      hasObjectness,
    })),
    item(l10n.t('overlaps dropped (NMS)'), given.nms, overlaps, (nms) => ({ ...given, nms })),
  ];
}

function item<T extends string | number | boolean>(
  name: string,
  known: T | undefined,
  choices: readonly T[],
  changed: (chosen: T | undefined) => BoxOutputs,
): BoxItem {
  return {
    label: `${name} ← ${textOf(known)}`,
    change: async () => {
      const all = [undefined, ...choices].map((value) => ({ label: textOf(value), value }));
      const chosen = await window.showQuickPick(all, { title: name });
      return chosen && changed(chosen.value);
    },
  };
}

function textOf(value: string | number | boolean | undefined): string {
  if (value === undefined) return l10n.t('guessed');
  if (typeof value !== 'boolean') return String(value);
  return value ? l10n.t('yes') : l10n.t('no');
}

/** A file or folder of labels for images that are in no folders by class. */
export async function askLabels(images: Images): Promise<string | undefined> {
  const chosen = await window.showOpenDialog({
    title: l10n.t('Labels of the images: COCO JSON, a table of file and label, or a folder of masks'),
    defaultUri: Uri.file(images.path),
    canSelectFolders: true,
    canSelectFiles: true,
  });
  return chosen?.[0]?.fsPath;
}

/** From a caller that asks nothing; what is none of the allowed values is left to be guessed. */
export function givenBoxes(given: unknown): BoxOutputs | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const of = given as Readonly<Record<string, unknown>>;
  const named = typeof of['outputs'] === 'object' ? Object.entries(of['outputs'] ?? {}) : [];
  const { hasObjectness, nms } = of;
  return {
    outputs: Object.fromEntries(
      named.filter(([role, name]) => roles.some((r) => r === role) && typeof name === 'string'),
    ),
    format: formats.find((f) => f === of['format']),
    scale: scales.find((s) => s === of['scale']),
    classes: classes.find((c) => c === of['classes']),
    hasObjectness: typeof hasObjectness === 'boolean' ? hasObjectness : undefined,
    nms: nms === false || (typeof nms === 'number' && nms > 0 && nms <= 1) ? nms : undefined,
  };
}
