/**
 * A click on a changed model in Source Control: VS Code opens a text diff of it, which says that both sides are binary.
 * What changed is told by the comparison of our texts, which takes its place.
 */
import { TabInputTextDiff, window, type Tab, type Uri } from 'vscode';
import { Owner } from '../disposable.ts';
import { log } from '../log.ts';
import { showFilesDiff } from '../text/text-diff.ts';
import { textScheme } from '../text/text-uri.ts';

export class ScmDiffs extends Owner {
  constructor() {
    super();
    this.own(
      window.tabGroups.onDidChangeTabs(({ opened }) => {
        for (const tab of opened)
          replace(tab).catch((error: unknown) => log().warn(`${tab.label}: cannot be compared:`, error));
      }),
    );
  }
}

/** A file that cannot be read leaves VS Code's own tab as it is. */
async function replace(tab: Tab): Promise<void> {
  const { input } = tab;
  if (!(input instanceof TabInputTextDiff) || !isModel(input.original) || !isModel(input.modified)) return;
  await showFilesDiff(input.original, input.modified, tab.label);
  await window.tabGroups.close(tab);
}

function isModel({ scheme, path }: Uri): boolean {
  return scheme !== textScheme && path.toLowerCase().endsWith('.onnx');
}
