/** All that the page shows, or why there is nothing to show. */
import { workspace } from 'vscode';
import type { EditorView, ErrorView } from '../../src/protocol.ts';
import type { Devices } from '../devices.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { epNames, settings } from '../settings.ts';
import { errorView } from './error-view.ts';
import { estimateView } from './estimate-view.ts';
import { modelView } from './model-view.ts';

export type PageView =
  | { readonly kind: 'model'; readonly view: EditorView }
  | { readonly kind: 'error'; readonly view: ErrorView };

export async function pageView(document: OnnxDocument, devices: Devices): Promise<PageView> {
  const { failure } = document;
  if (failure !== undefined) return { kind: 'error', view: errorView(document.fileName, failure.error) };
  return { kind: 'model', view: await editorView(document, devices) };
}

export async function editorView(document: OnnxDocument, devices: Devices): Promise<EditorView> {
  const found = await devices.list();
  return {
    model: modelView(document),
    estimate: estimateView(document),
    eps: epNames,
    devices: found,
    budgetBytes: settings.budgetBytes ?? found[0]?.vramBytes,
    isTrusted: workspace.isTrusted,
    isReadOnly: workspace.fs.isWritableFileSystem(document.uri.scheme) === false,
  };
}
