/** Writes a check's report to where a person chooses; beside the model at first. */
import { l10n, Uri, window, workspace } from 'vscode';
import { reportJson, reportMarkdown, type CheckReport } from '../../src/runtime/index.ts';
import type { ReportKind } from '../../src/protocol.ts';
import { fileName } from '../document/write-model.ts';

const kinds = {
  json: { ending: 'json', write: reportJson },
  markdown: { ending: 'md', write: reportMarkdown },
} as const satisfies Readonly<Record<ReportKind, unknown>>;

/** False where the person gave up. */
export async function saveReport(model: Uri, report: CheckReport, kind: ReportKind): Promise<boolean> {
  const { ending, write } = kinds[kind];
  const name = `${fileName(model).replace(/\.onnx$/i, '')}-check.${ending}`;
  const target = await window.showSaveDialog({
    title: l10n.t('Save Report'),
    defaultUri: Uri.joinPath(model.with({ query: '', fragment: '' }), '..', name),
    filters: { [ending.toUpperCase()]: [ending] },
  });
  if (target === undefined) return false;
  await workspace.fs.writeFile(target, Buffer.from(write(report)));
  return true;
}
