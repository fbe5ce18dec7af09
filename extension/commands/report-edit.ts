/** Says what an edit did, and offers what people do next. */
import { commands, l10n, window, type Uri } from 'vscode';
import { formatBytes, formatChange } from '../../src/format.ts';
import type { Applied } from '../apply-edit.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { localize } from '../l10n/domain-text.ts';
import { log } from '../log.ts';

/** A warning where an edit could not be applied to any layer; true where it was. */
export function reportNothingDone({ changed, blocked }: Applied): boolean {
  if (changed > 0) return true;
  const [first] = blocked;
  const why =
    first === undefined
      ? l10n.t('The model has no layer this can be applied to.')
      : l10n.t('{0}: {1}', first.layer, localize(first.reason));
  void window.showWarningMessage(l10n.t('Nothing was changed. {0}', why));
  return false;
}

/** e.g. `model.onnx: weights 2.4 MiB → 612 KiB (−75 %); peak on cpu 4.1 MiB → 2.2 MiB. Not saved yet.` */
export async function reportEdit(document: OnnxDocument, applied: Applied): Promise<void> {
  const { uri } = document;
  const {
    weights: [before, after],
    peaks,
  } = await document.ask('savings');
  const weights = l10n.t(
    '{0}: weights {1} → {2} ({3})',
    document.fileName,
    formatBytes(before),
    formatBytes(after),
    formatChange(before, after),
  );
  const peak = peakText(...peaks, document.options.ep);
  const kept =
    applied.blocked.length === 0 ? '' : l10n.t('{0} layers stay as they are.', applied.blocked.length);
  const message = [`${weights}${peak}`, kept, l10n.t('Not saved yet.')].filter((p) => p !== '').join(' ');
  const actions: Readonly<Record<string, string>> = {
    [l10n.t('Save As…')]: 'vramLens.saveCompressed',
    [l10n.t('Compare')]: 'vramLens.compareWithOriginal',
    [l10n.t('Check Accuracy')]: 'vramLens.checkAccuracy',
  };
  void window.showInformationMessage(message, ...Object.keys(actions)).then((chosen) => {
    const command = chosen === undefined ? undefined : actions[chosen];
    return command === undefined ? undefined : runCommand(command, uri);
  });
}

function runCommand(command: string, uri: Uri): Thenable<void> {
  return commands.executeCommand(command, uri).then(undefined, (error: unknown) => {
    log().error(`${command}:`, error);
  });
}

function peakText(before: number | undefined, after: number | undefined, ep: string): string {
  if (before === undefined || after === undefined) return '.';
  return l10n.t('; peak on {0} {1} → {2}.', ep, formatBytes(before), formatBytes(after));
}
