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
import { restoreBackup, writeBackup } from './backup.ts';
import { pageHtml, pageRoot } from './page.ts';
import { Saving } from './save.ts';
import { editorViewType } from './view-type.ts';
import { WebviewHost, webviewPort, type HostServices } from './webview-host.ts';

/** What VS Code holds while an editor is open: a use of the document that all views share. */
class EditorDocument implements CustomDocument {
  readonly uri: Uri;
  readonly document: OnnxDocument;
  readonly #owner = new Owner();

  constructor(
    lease: Lease,
    onEdit: (event: CustomDocumentEditEvent<EditorDocument>) => void,
    onClose: () => void,
  ) {
    this.document = lease.document;
    this.uri = lease.document.uri;
    this.#owner.own(lease);
    this.#owner.own({ dispose: onClose });
    this.#owner.own(
      this.document.onDidEdit(({ edits, undo, redo }) => {
        onEdit({ document: this, label: editsLabel(edits), undo, redo });
      }),
    );
  }

  dispose(): void {
    // the last editor is closed: what was not saved is given up, also for the text views that go on
    this.document.discardEdits();
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
  readonly #open = new Set<string>();
  readonly #opened = this.#owner.own(new EventEmitter<string>());

  readonly saving = new Saving();
  readonly onDidChangeCustomDocument = this.#edited.event;

  constructor(documents: Documents, extensionUri: Uri, services: HostServices) {
    this.#documents = documents;
    this.#extensionUri = extensionUri;
    this.#services = services;
    this.#owner.own(
      window.registerCustomEditorProvider(editorViewType, this, {
        supportsMultipleEditorsPerDocument: true,
        webviewOptions: { enableFindWidget: false },
      }),
    );
  }

  async openCustomDocument(uri: Uri, context: CustomDocumentOpenContext): Promise<EditorDocument> {
    const lease = await this.#documents.acquire(uri);
    if (context.backupId !== undefined) await restoreBackup(lease.document, context.backupId);
    const key = uri.toString();
    this.#open.add(key);
    const onClose = () => void this.#open.delete(key);
    const document = new EditorDocument(lease, (event) => this.#edited.fire(event), onClose);
    // VS Code knows the document once it has it
    setImmediate(() => this.#opened.fire(key));
    return document;
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

  resolveCustomEditor({ document }: EditorDocument, panel: WebviewPanel): void {
    const { webview } = panel;
    webview.options = { enableScripts: true, localResourceRoots: [pageRoot(this.#extensionUri)] };
    const host = new WebviewHost(webviewPort(webview), document, this.#services);
    const hosts = this.#hosts.get(document) ?? new Set();
    this.#hosts.set(document, hosts.add(host));
    panel.onDidDispose(() => {
      host.dispose();
      hosts.delete(host);
      if (hosts.size === 0) this.#hosts.delete(document);
    });
    webview.html = pageHtml(webview, this.#extensionUri, this.#services.viewStates.get(document.uri));
  }

  saveCustomDocument({ document }: EditorDocument, token: CancellationToken): Promise<void> {
    return this.saving.save(document, token);
  }

  saveCustomDocumentAs({ document }: EditorDocument, target: Uri, token: CancellationToken): Promise<void> {
    return document.saveAs(target, token);
  }

  revertCustomDocument({ document }: EditorDocument): Promise<void> {
    return document.revert();
  }

  backupCustomDocument(
    { document }: EditorDocument,
    context: CustomDocumentBackupContext,
    token: CancellationToken,
  ): Promise<CustomDocumentBackup> {
    return writeBackup(document, context.destination, token);
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
