/** "Open Memory View": the editor, also where another one was made the default for .onnx files. */
import { commands } from 'vscode';
import { editorViewType } from '../editor/view-type.ts';
import { targetModel } from '../target.ts';
import type { Command } from './command.ts';

export const openEditor: Command = {
  id: 'vramLens.openEditor',
  run: async (_services, argument) => {
    const uri = await targetModel(argument);
    if (uri !== undefined) await commands.executeCommand('vscode.openWith', uri, editorViewType);
  },
};
