/** The model of the active tab, held open as long as its tab is the active one: what the status bar tells of. */
import { EventEmitter, window } from 'vscode';
import { Owner } from './disposable.ts';
import type { Documents, Lease } from './document/documents.ts';
import type { OnnxDocument } from './document/onnx-document.ts';
import { log } from './log.ts';
import { activeModel } from './target.ts';

export class ActiveDocument extends Owner {
  readonly #documents: Pick<Documents, 'acquire'>;
  readonly #changed = this.own(new EventEmitter<void>());
  #shown: Owner | undefined;
  #document: OnnxDocument | undefined;
  #key: string | undefined;

  /** Another model is active, or the one that is has changed. */
  readonly onDidChange = this.#changed.event;

  constructor(documents: Pick<Documents, 'acquire'>) {
    super();
    this.#documents = documents;
    this.own(window.tabGroups.onDidChangeTabs(() => this.#follow()));
    this.own(window.tabGroups.onDidChangeTabGroups(() => this.#follow()));
    this.own({ dispose: () => this.#shown?.dispose() });
    this.#follow();
  }

  /** undefined where no model is active, or it is not open yet. */
  get document(): OnnxDocument | undefined {
    return this.#document;
  }

  #follow(): void {
    const uri = activeModel();
    const key = uri?.toString();
    if (key === this.#key) return;
    this.#key = key;
    this.#shown?.dispose();
    this.#shown = this.#document = undefined;
    this.#changed.fire();
    if (uri === undefined) return;
    const shown = (this.#shown = new Owner());
    this.#documents.acquire(uri).then(
      (lease) => this.#show(shown, shown.own(lease)),
      (error: unknown) => log().warn(`${uri.toString(true)}:`, error),
    );
  }

  #show(shown: Owner, { document }: Lease): void {
    if (shown.isDisposed) return;
    this.#document = document;
    shown.own(document.onDidChange(() => this.#changed.fire()));
    this.#changed.fire();
  }
}
