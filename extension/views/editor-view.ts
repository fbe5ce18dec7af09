/** All that the page shows, or why there is nothing to show. */
import { workspace } from 'vscode';
import { JsonText } from '../../src/json-text.ts';
import type { EditorView, ErrorView, EstimateView } from '../../src/protocol.ts';
import type { Devices } from '../devices.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { epNames, settings } from '../settings.ts';
import { errorView } from './error-view.ts';

export type PageView =
  | { readonly kind: 'model'; readonly view: EditorViewParts }
  | { readonly kind: 'error'; readonly view: ErrorView };

export async function pageView(document: OnnxDocument, devices: Devices): Promise<PageView> {
  const { failure } = document;
  if (failure !== undefined) return { kind: 'error', view: errorView(document.fileName, failure.error) };
  return { kind: 'model', view: await editorView(document, devices, document.estimateText()) };
}

/** What a page shows first: asked before anything that takes longer, as the thread answers one after the other. */
export function askEarly(document: OnnxDocument): void {
  if (document.failure !== undefined) return;
  // whoever needs an answer asks again, and is told
  for (const query of ['earlyText', 'modelView'] as const) document.ask(query).catch(() => undefined);
}

/** Undefined where there is nothing to wait for, or edits are to be shown, whose weights only their figures tell. */
export async function earlyPage(
  document: OnnxDocument,
  devices: Devices,
): Promise<EditorViewParts | undefined> {
  if (document.failure !== undefined || document.hasEdits) return undefined;
  const text = document.ask('earlyText').then((json) => new JsonText<EstimateView>(json));
  return editorView(document, devices, text);
}

/** With what is large as text. */
export type EditorViewParts = Omit<EditorView, 'estimate'> & { readonly estimate: JsonText<EstimateView> };

export async function editorView(
  document: OnnxDocument,
  devices: Devices,
  figures: Promise<JsonText<EstimateView>>,
): Promise<EditorViewParts> {
  const [found, model, estimate] = await Promise.all([devices.list(), document.ask('modelView'), figures]);
  return {
    model,
    estimate,
    eps: epNames,
    devices: found,
    budgetBytes: settings.budgetBytes ?? found[0]?.vramBytes,
    isTrusted: workspace.isTrusted,
    isReadOnly: workspace.fs.isWritableFileSystem(document.uri.scheme) === false,
  };
}
