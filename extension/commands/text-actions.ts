/**
 * "Actions for This Layer…": what the light bulb offers at the cursor. VS Code's own Quick Fix is not there by keyboard
 * in a text that cannot be typed into, though these fixes change the model and not the text.
 */
import { CodeActionKind, commands, l10n, QuickPickItemKind, window, type CodeAction } from 'vscode';
import { textScheme } from '../text/text-uri.ts';
import type { Command } from './command.ts';

export const textActions: Command = {
  id: 'vramLens.textActions',
  run: async () => {
    const editor = window.activeTextEditor;
    if (editor?.document.uri.scheme !== textScheme) return;
    const { document, selection } = editor;
    const found = await commands.executeCommand<CodeAction[]>(
      'vscode.executeCodeActionProvider',
      document.uri,
      selection,
    );
    if (found.length === 0) {
      void window.showInformationMessage(
        l10n.t('Nothing can be done here: go to the line of a layer first.'),
      );
      return;
    }
    const name = document.lineAt(selection.active.line).text.trim().split(/\s+/)[0] ?? '';
    const picked = await window.showQuickPick(itemsOf(found), { title: name });
    const command = picked?.action?.command;
    if (command === undefined) return;
    const args: readonly unknown[] = command.arguments ?? [];
    await commands.executeCommand(command.command, ...args);
  },
};

interface Item {
  readonly label: string;
  readonly kind?: QuickPickItemKind;
  readonly action?: CodeAction;
}

/** Fixes first. */
function itemsOf(found: readonly CodeAction[]): Item[] {
  const isFix = ({ kind }: CodeAction): boolean =>
    kind !== undefined && CodeActionKind.QuickFix.contains(kind);
  return [
    ...group(l10n.t('Fixes'), found.filter(isFix)),
    ...group(
      l10n.t('Edits'),
      found.filter((action) => !isFix(action)),
    ),
  ];
}

function group(label: string, actions: readonly CodeAction[]): readonly Item[] {
  if (actions.length === 0) return [];
  const items = actions.map((action): Item => ({ label: action.title, action }));
  return [{ label, kind: QuickPickItemKind.Separator }, ...items];
}
