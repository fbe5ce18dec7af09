/** The models' text: made when VS Code asks for it, made anew when dims, EP, recipe or file change. */
import {
  EventEmitter,
  workspace,
  type TextDocument,
  type TextDocumentContentProvider,
  type Uri,
} from 'vscode';
import { Owner } from '../disposable.ts';
import type { Documents } from '../document/documents.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import type { ModelText } from '../session/text/text.ts';
import { errorView } from '../views/error-view.ts';
import { parseTextUri, textScheme, type Side } from './text-uri.ts';

/** A text as it was handed to VS Code, with what its lines stand for. */
export interface TextView extends Pick<ModelText, 'lines' | 'regions' | 'peakNode'> {
  readonly document: OnnxDocument;
  readonly side: Side;
  /** By node id. */
  readonly firstLines: ReadonlyMap<string, number>;
}

interface Open {
  readonly owner: Owner;
  readonly document: OnnxDocument;
  readonly side: Side;
  view: TextView | undefined;
}

export class TextViews extends Owner implements TextDocumentContentProvider {
  readonly #documents: Documents;
  readonly #open = new Map<string, Promise<Open | undefined>>();
  readonly #changed = this.own(new EventEmitter<Uri>());

  readonly #rendered = this.own(new EventEmitter<Uri>());
  readonly #closed = this.own(new EventEmitter<Uri>());

  /** The text of a URI is to be asked for again. */
  readonly onDidChange = this.#changed.event;
  /** VS Code shows the text that was made last. */
  readonly onDidRender = this.#rendered.event;
  readonly onDidClose = this.#closed.event;

  constructor(documents: Documents) {
    super();
    this.#documents = documents;
    this.own(workspace.registerTextDocumentContentProvider(textScheme, this));
    this.own(workspace.onDidCloseTextDocument((document) => this.#close(document.uri)));
    this.own(workspace.onDidOpenTextDocument((document) => this.#whenShown(document.uri)));
    this.own(workspace.onDidChangeTextDocument(({ document }) => this.#whenShown(document.uri)));
    this.own({
      dispose: () => {
        for (const key of [...this.#open.keys()]) this.#closeKey(key);
      },
    });
  }

  async provideTextDocumentContent(uri: Uri): Promise<string> {
    const key = uri.toString();
    const opening = this.#open.get(key) ?? this.#openUri(uri);
    this.#open.set(key, opening);
    const open = await opening;
    if (open === undefined) return '';
    const { document, side } = open;
    open.view = undefined;
    if (document.failure !== undefined) return failureText(document);
    const { text, ...view } = await document.ask('text', side);
    open.view = { ...view, document, side, firstLines: firstLines(view.lines) };
    return text;
  }

  /** What the lines of an open text stand for; undefined for other texts, and for a file that cannot be read. */
  viewOf(document: TextDocument): Promise<TextView | undefined> {
    return this.viewOfUri(document.uri);
  }

  async viewOfUri(uri: Uri): Promise<TextView | undefined> {
    return (await this.#open.get(uri.toString()))?.view;
  }

  /** The line of a node, by its id in the changed model or in the original. */
  async lineOf(text: TextDocument, node: string): Promise<number | undefined> {
    const view = await this.viewOf(text);
    if (view === undefined) return undefined;
    const { lines, document, firstLines } = view;
    const exact = firstLines.get(node) ?? lines.find((l) => l.layerId === node)?.line;
    if (exact !== undefined) return exact;
    const own = new Set(await document.ask('nodesOfLayer', node));
    return lines.find((l) => l.nodeId !== undefined && own.has(l.nodeId))?.line;
  }

  async #openUri(uri: Uri): Promise<Open | undefined> {
    const target = parseTextUri(uri);
    if (target === undefined) return undefined;
    const owner = new Owner();
    const lease = owner.own(await this.#documents.acquire(target.source));
    owner.own(lease.document.onDidChange(() => this.#changed.fire(uri)));
    return { owner, document: lease.document, side: target.side, view: undefined };
  }

  #whenShown(uri: Uri): void {
    if (uri.scheme === textScheme) this.#rendered.fire(uri);
  }

  #close(uri: Uri): void {
    if (uri.scheme !== textScheme) return;
    this.#closeKey(uri.toString());
    this.#closed.fire(uri);
  }

  #closeKey(key: string): void {
    const opening = this.#open.get(key);
    this.#open.delete(key);
    void opening?.then((open) => open?.owner.dispose());
  }
}

function firstLines(lines: TextView['lines']): Map<string, number> {
  const found = new Map<string, number>();
  for (const { nodeId, line } of lines)
    if (nodeId !== undefined && !found.has(nodeId)) found.set(nodeId, line);
  return found;
}

/** What the editor's page would say, as comments. */
function failureText(document: OnnxDocument): string {
  const { title, message, details, advice } = errorView(document.fileName, document.failure?.error);
  const lines = [title, message, ...details.map((d) => `${d.label}: ${d.value}`), advice];
  return lines.map((line) => `# ${line}\n`).join('');
}
