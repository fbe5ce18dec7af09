/** The text view in VS Code, for its tests. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { parseTextUri } from '../../extension/text/text-uri.ts';

export async function openText(uri: vscode.Uri, node?: string): Promise<vscode.TextEditor> {
  await vscode.commands.executeCommand('vramLens.openText', uri, node);
  const editor = vscode.window.activeTextEditor;
  assert.ok(editor);
  assert.equal(parseTextUri(editor.document.uri)?.source.toString(), uri.toString());
  return editor;
}
