/** "Compare Models" of two selected files, and "Compare with Last Commit": the texts of both, memory included. */
import { extensions, l10n, type Uri } from 'vscode';
import { fileName } from '../document/write-model.ts';
import { targetModel, targetModels } from '../target.ts';
import { showFilesDiff } from '../text/text-diff.ts';
import type { Command } from './command.ts';

export const compareFiles: Command = {
  id: 'vramLens.compareFiles',
  run: async (_services, argument, selection) => {
    const [first, second] = await targetModels(argument, selection);
    if (first === undefined || second === undefined)
      throw new Error(l10n.t('Select two models in the Explorer to compare them.'));
    await showFilesDiff(first, second);
  },
};

export const compareWithHead: Command = {
  id: 'vramLens.compareWithHead',
  run: async (_services, argument) => {
    const model = await targetModel(argument);
    if (model === undefined) return;
    const committed = await committedVersion(model);
    await showFilesDiff(committed, model, l10n.t('{0}: last commit ↔ now', fileName(model)));
  },
};

/** What of VS Code's own Git extension is used. */
interface GitExtension {
  getAPI(version: 1): { toGitUri(uri: Uri, ref: string): Uri; getRepository(uri: Uri): unknown };
}

async function committedVersion(model: Uri): Promise<Uri> {
  const git = extensions.getExtension<GitExtension>('vscode.git');
  const api = (await git?.activate())?.getAPI(1);
  if (api === undefined || api.getRepository(model) === null)
    throw new Error(l10n.t('{0} is in no Git repository that is open here.', fileName(model)));
  return api.toGitUri(model, 'HEAD');
}
