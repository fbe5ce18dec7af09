/**
 * The custom editor for .onnx files. VS Code asks it to open, save, revert and back up; undo and redo are the steps
 * that the document announces.
 */
import {
  EventEmitter,
  window,
  type CancellationToken,
  type CustomDocument,
  type CustomDocumentBackup,
  type CustomDocumentBackupContext,
  type CustomDocumentEditEvent,
  type CustomDocumentOpenContext,
  type CustomEditorProvider,
  type Disposable,
  type Uri,
  type WebviewPanel,
} from 'vscode';
import { Owner } from '../disposable.ts';
import type { Documents, Lease } from '../document/documents.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { editsLabel } from '../views/edit-label.ts';
import { askEarly } from '../views/editor-view.ts';
import { restoreBackup, writeBackup } from './backup.ts';
import { pageHtml, pageRoot } from './page.ts';
import { Saving } from './save.ts';
import { editorViewType } from './view-type.ts';
import { WebviewHost, type HostServices } from './webview-host.ts';
import { webviewPort } from './webview-port.ts';

/**
 * What VS Code holds while an editor is open: a use of the document that all views share. It has it before the file is
 * read, so that the page is loaded meanwhile.
 */
class EditorDocument implements CustomDocument {
  readonly uri: Uri;
  readonly opened: Promise<OnnxDocument>;
  readonly #owner = new Owner();

  constructor(
    uri: Uri,
    opening: Promise<Lease>,
    on: {
      readonly open: () => void;
      readonly edit: (event: CustomDocumentEditEvent<EditorDocument>) => void;
      readonly close: () => void;
    },
  ) {
    this.uri = uri;
    this.opened = opening.then((lease) => {
      const { document } = lease;
      this.#owner.own(lease);
      // the last editor is closed: what was not saved is given up, also for the text views that go on
      this.#owner.own({ dispose: () => document.discardEdits() });
      this.#owner.own(
        document.onDidEdit(({ edits, undo, redo }) => {
          on.edit({ document: this, label: editsLabel(edits), undo, redo });
        }),
      );
      on.open();
      this.#owner.own({ dispose: on.close });
      return document;
    });
  }

  dispose(): void {
    this.#owner.dispose();
  }
}

export class OnnxEditorProvider implements CustomEditorProvider<EditorDocument>, Disposable {
  readonly #owner = new Owner();
  readonly #edited = this.#owner.own(new EventEmitter<CustomDocumentEditEvent<EditorDocument>>());
  readonly #documents: Documents;
  readonly #extensionUri: Uri;
  readonly #services: HostServices;
  readonly #hosts = new Map<OnnxDocument, Set<WebviewHost>>();
  /** Being read, for a page. */
  readonly #awaited = new Set<string>();
  readonly #open = new Set<string>();
  readonly #opened = this.#owner.own(new EventEmitter<string>());

  readonly saving = new Saving();
  readonly onDidChangeCustomDocument = this.#edited.event;

  constructor(documents: Documents, extensionUri: Uri, services: HostServices) {
    this.#documents = documents;
    this.#extensionUri = extensionUri;
    this.#services = services;
    documents.onOpen((document) => {
      if (this.#awaited.has(document.uri.toString())) askEarly(document);
    });
    this.#owner.own(
      window.registerCustomEditorProvider(editorViewType, this, {
        supportsMultipleEditorsPerDocument: true,
        webviewOptions: { enableFindWidget: false },
      }),
    );
  }

  async openCustomDocument(uri: Uri, { backupId }: CustomDocumentOpenContext): Promise<EditorDocument> {
    const key = uri.toString();
    const document = new EditorDocument(uri, this.#acquire(uri, backupId), {
      open: () => {
        this.#open.add(key);
        // VS Code knows the document once it has it
        setImmediate(() => this.#opened.fire(key));
      },
      edit: (event) => this.#edited.fire(event),
      close: () => void this.#open.delete(key),
    });
    if (backupId !== undefined) await document.opened;
    // whoever asks for the document is told
    document.opened.catch(() => undefined);
    return document;
  }

  async #acquire(uri: Uri, backupId: string | undefined): Promise<Lease> {
    const key = uri.toString();
    this.#awaited.add(key);
    const lease = await this.#documents.acquire(uri).finally(() => this.#awaited.delete(key));
    if (backupId !== undefined) await restoreBackup(lease.document, backupId);
    return lease;
  }

  /** Whether VS Code holds the document, so that an edit is one that it can undo and save. */
  isOpen(uri: Uri): boolean {
    return this.#open.has(uri.toString());
  }

  whenOpen(uri: Uri): Promise<void> {
    if (this.isOpen(uri)) return Promise.resolve();
    return new Promise((resolve) => {
      const listener = this.#opened.event((key) => {
        if (key !== uri.toString()) return;
        listener.dispose();
        resolve();
      });
    });
  }

  /** The page is loaded while the file is read. */
  async resolveCustomEditor({ uri, opened }: EditorDocument, panel: WebviewPanel): Promise<void> {
    const { webview } = panel;
    const owner = new Owner();
    panel.onDidDispose(() => owner.dispose());
    const port = owner.own(webviewPort(webview));
    webview.options = { enableScripts: true, localResourceRoots: [pageRoot(this.#extensionUri)] };
    webview.html = pageHtml(webview, this.#extensionUri, this.#services.viewStates.get(uri));
    const document = await opened;
    if (owner.isDisposed) return;
    const host = owner.own(new WebviewHost(port, document, this.#services));
    const hosts = this.#hosts.get(document) ?? new Set();
    this.#hosts.set(document, hosts.add(host));
    owner.own({
      dispose: () => {
        hosts.delete(host);
        if (hosts.size === 0) this.#hosts.delete(document);
      },
    });
  }

  async saveCustomDocument({ opened }: EditorDocument, token: CancellationToken): Promise<void> {
    return this.saving.save(await opened, token);
  }

  async saveCustomDocumentAs(
    { opened }: EditorDocument,
    target: Uri,
    token: CancellationToken,
  ): Promise<void> {
    return (await opened).saveAs(target, token);
  }

  async revertCustomDocument({ opened }: EditorDocument): Promise<void> {
    return (await opened).revert();
  }

  async backupCustomDocument(
    { opened }: EditorDocument,
    context: CustomDocumentBackupContext,
    token: CancellationToken,
  ): Promise<CustomDocumentBackup> {
    return writeBackup(await opened, context.destination, token);
  }

  /** The pages that show a document. */
  pagesOf(document: OnnxDocument): readonly WebviewHost[] {
    return [...(this.#hosts.get(document) ?? [])];
  }

  dispose(): void {
    for (const hosts of this.#hosts.values()) for (const host of hosts) host.dispose();
    this.#hosts.clear();
    this.#owner.dispose();
  }
}
