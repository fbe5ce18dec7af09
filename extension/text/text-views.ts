/**
 * The models' text, as files that nobody writes: made when VS Code asks for it, made anew when dims, EP, recipe or file
 * change. Files, and not documents of a content provider, since only those have breadcrumbs.
 */
import {
  Disposable,
  EventEmitter,
  FileChangeType,
  FilePermission,
  FileSystemError,
  FileType,
  workspace,
  type FileChangeEvent,
  type FileStat,
  type FileSystemProvider,
  type TextDocument,
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
  /** Of what it shows now; undefined where that has not been asked for yet. */
  bytes: Promise<Uint8Array> | undefined;
  /** By which VS Code tells versions of a file. */
  changedMs: number;
}

/** VS Code asks about files that it then does not open. */
const keptUnopenedMs = 30_000;

export class TextViews extends Owner implements FileSystemProvider {
  readonly #documents: Documents;
  readonly #open = new Map<string, Promise<Open>>();
  readonly #changed = this.own(new EventEmitter<Uri>());
  readonly #files = this.own(new EventEmitter<FileChangeEvent[]>());
  readonly #rendered = this.own(new EventEmitter<Uri>());
  readonly #closed = this.own(new EventEmitter<Uri>());

  /** The text of a URI is to be asked for again. */
  readonly onDidChange = this.#changed.event;
  readonly onDidChangeFile = this.#files.event;
  /** VS Code shows the text that was made last. */
  readonly onDidRender = this.#rendered.event;
  readonly onDidClose = this.#closed.event;

  constructor(documents: Documents) {
    super();
    this.#documents = documents;
    const options = { isReadonly: true, isCaseSensitive: true };
    this.own(workspace.registerFileSystemProvider(textScheme, this, options));
    this.own(workspace.onDidCloseTextDocument((document) => this.#close(document.uri)));
    this.own(workspace.onDidOpenTextDocument((document) => this.#whenShown(document.uri)));
    this.own(workspace.onDidChangeTextDocument(({ document }) => this.#whenShown(document.uri)));
    this.own({
      dispose: () => {
        for (const key of [...this.#open.keys()]) this.#closeKey(key);
      },
    });
  }

  async stat(uri: Uri): Promise<FileStat> {
    const open = await this.#opened(uri);
    const { length } = await this.#bytesOf(open);
    const { Readonly } = FilePermission;
    return { type: FileType.File, ctime: 0, mtime: open.changedMs, size: length, permissions: Readonly };
  }

  async readFile(uri: Uri): Promise<Uint8Array> {
    return this.#bytesOf(await this.#opened(uri));
  }

  #opened(uri: Uri): Promise<Open> {
    const key = uri.toString();
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const opening = this.#openUri(uri);
    this.#open.set(key, opening);
    opening.catch(() => this.#open.delete(key));
    const timer = setTimeout(() => {
      if (!workspace.textDocuments.some((d) => d.uri.toString() === key)) this.#closeKey(key);
    }, keptUnopenedMs);
    timer.unref();
    return opening;
  }

  /** What changes while the text is made asks for it again. */
  #bytesOf(open: Open): Promise<Uint8Array> {
    if (open.bytes !== undefined) return open.bytes;
    const bytes = this.#render(open).then((text) => new TextEncoder().encode(text));
    open.bytes = bytes;
    // what failed may be tried again
    bytes.catch(() => {
      if (open.bytes === bytes) open.bytes = undefined;
    });
    return bytes;
  }

  async #render(open: Open): Promise<string> {
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
    const open = await this.#open.get(uri.toString());
    await open?.bytes?.catch(() => undefined); // whoever reads it is told
    return open?.view;
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

  async #openUri(uri: Uri): Promise<Open> {
    const target = parseTextUri(uri);
    if (target === undefined) throw FileSystemError.FileNotFound(uri);
    const owner = new Owner();
    const { document } = owner.own(await this.#documents.acquire(target.source));
    const open: Open = {
      ...{ owner, document, side: target.side },
      ...{ view: undefined, bytes: undefined, changedMs: Date.now() },
    };
    owner.own(
      document.onDidChange(() => {
        open.bytes = undefined;
        open.changedMs = Math.max(Date.now(), open.changedMs + 1);
        this.#changed.fire(uri);
        this.#files.fire([{ type: FileChangeType.Changed, uri }]);
      }),
    );
    return open;
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
    void opening?.then((open) => open.owner.dispose()).catch(() => undefined); // was never there
  }

  /** Changes are told unasked. */
  watch(): Disposable {
    return new Disposable(() => undefined);
  }

  readDirectory(uri: Uri): never {
    throw FileSystemError.FileNotFound(uri);
  }

  createDirectory(uri: Uri): never {
    throw FileSystemError.NoPermissions(uri);
  }

  writeFile(uri: Uri): never {
    throw FileSystemError.NoPermissions(uri);
  }

  delete(uri: Uri): never {
    throw FileSystemError.NoPermissions(uri);
  }

  rename(uri: Uri): never {
    throw FileSystemError.NoPermissions(uri);
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
