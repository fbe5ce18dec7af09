/** What other extensions get from `getExtension('vram-lens.vram-lens').activate()`. */
import type { Uri } from 'vscode';
import type { EditorView } from '../src/protocol.ts';
import type { Services } from './services.ts';
import { editorView } from './views/editor-view.ts';

export interface PublicApi {
  /**
   * Everything that the editor shows of a model, at the dims and with the edits it has there if it is open.
   * @throws Error that says why the file cannot be read
   */
  view(model: Uri): Promise<EditorView>;
}

export function publicApi({ documents, devices }: Services): PublicApi {
  return {
    view: (model) =>
      documents.use(model, async (document) => {
        const view = await editorView(document, devices, document.estimateText());
        return { ...view, estimate: view.estimate.parse() };
      }),
  };
}
