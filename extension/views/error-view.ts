/** What is wrong with a file, where, and what to do: for the page and for messages. */
import { l10n } from 'vscode';
import { isOnnxError, type OnnxError, type OnnxErrorKind } from '../../src/onnx/index.ts';
import type { ErrorView } from '../../src/protocol.ts';
import { localize } from '../l10n/domain-text.ts';

export function errorView(fileName: string, error: unknown): ErrorView {
  if (!isOnnxError(error)) {
    return {
      fileName,
      title: l10n.t('The model could not be shown'),
      message: messageOf(error),
      details: [],
      advice: l10n.t(
        'This is a fault of VRAM Lens. The log (Output, "VRAM Lens") says more; please report it.',
      ),
    };
  }
  const { title, advice } = explanations[error.kind]();
  return { fileName, title, message: plainMessage(error), details: details(error), advice };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? localize(error.message) : String(error);
}

/** What to do about it, in one sentence; undefined where nothing particular can be said. */
export function adviceFor(error: unknown): string | undefined {
  return isOnnxError(error) ? explanations[error.kind]().advice : undefined;
}

const explanations: Readonly<Record<OnnxErrorKind, () => { title: string; advice: string }>> = {
  'not-onnx': () => ({
    title: l10n.t('This is not an ONNX model'),
    advice: l10n.t(
      'Export the model to ONNX first, or open the file with another editor ("Reopen Editor With…").',
    ),
  }),
  truncated: () => ({
    title: l10n.t('The file is cut short'),
    advice: l10n.t('Download or copy it again; with Git LFS, run "git lfs pull".'),
  }),
  malformed: () => ({
    title: l10n.t('The file contradicts itself'),
    advice: l10n.t('Export or download it again; onnx.checker says more about what is wrong.'),
  }),
  limit: () => ({
    title: l10n.t('The file is beyond what can be opened'),
    advice: l10n.t('Open it from a local disk, or export a smaller model.'),
  }),
  'external-data': () => ({
    title: l10n.t('The external data of the model is missing or wrong'),
    advice: l10n.t('Put the data file beside the model under the name given here, as it was exported.'),
  }),
  unsupported: () => ({
    title: l10n.t('The model holds what VRAM Lens cannot handle'),
    advice: l10n.t('Please report it, with the model where you can.'),
  }),
  changed: () => ({
    title: l10n.t('The file changed while it was read'),
    advice: l10n.t('Wait until the program that writes it has finished; it is then read again.'),
  }),
  io: () => ({
    title: l10n.t('The file cannot be read or written'),
    advice: l10n.t(
      'Look whether it exists, whether you may access it, and whether there is space on the disk.',
    ),
  }),
};

/** Without the place in brackets, which the details give. */
function plainMessage(error: OnnxError): string {
  const at = error.message.lastIndexOf(' (');
  const hasPlace = Object.entries(error.details).some(([key, v]) => key !== 'cause' && v !== undefined);
  return localize(
    hasPlace && at > 0 && error.message.endsWith(')') ? error.message.slice(0, at) : error.message,
  );
}

function details({ details: found }: OnnxError): ErrorView['details'] {
  const rows: readonly (readonly [string, string | number | undefined])[] = [
    [l10n.t('File'), found.file],
    [l10n.t('Byte'), found.offset],
    [l10n.t('Field'), found.field],
    [l10n.t('Node'), found.node],
  ];
  return rows.flatMap(([label, value]) => (value === undefined ? [] : [{ label, value: String(value) }]));
}
