/** The open documents, one per file however many editors, text views and commands use it. */
import { RelativePattern, Uri, workspace } from 'vscode';
import type { RunnerOptions } from '../../src/runtime/index.ts';
import { Owner, type Disposable } from '../disposable.ts';
import { log } from '../log.ts';
import { settings } from '../settings.ts';
import { OnnxDocument } from './onnx-document.ts';
import type { SessionClient } from './session-client.ts';

/** A use of a document: it stays open until its last use ends. */
export interface Lease extends Disposable {
  readonly document: OnnxDocument;
}

interface Entry {
  readonly opening: Promise<OnnxDocument>;
  readonly owner: Owner;
  uses: number;
}

export class Documents implements Disposable {
  readonly #entries = new Map<string, Entry>();
  readonly #created: ((document: OnnxDocument) => void)[] = [];
  readonly #sessions: SessionClient;
  readonly #runner: () => Promise<RunnerOptions>;

  /** @param runner for edits that look at activations */
  constructor(sessions: SessionClient, runner: () => Promise<RunnerOptions>) {
    this.#sessions = sessions;
    this.#runner = runner;
  }

  /** Calls `listener` for every document that is opened from now on. */
  onOpen(listener: (document: OnnxDocument) => void): void {
    this.#created.push(listener);
  }

  /** Opens it, or takes part in the one that is open. */
  async acquire(uri: Uri): Promise<Lease> {
    const key = uri.toString();
    const entry = this.#entries.get(key) ?? this.#open(uri, key);
    entry.uses++;
    let isHeld = true;
    const dispose = (): void => {
      if (!isHeld) return;
      isHeld = false;
      this.#release(key, entry);
    };
    return { document: await entry.opening, dispose };
  }

  /** Runs `work` on a document that stays open meanwhile. */
  async use<T>(uri: Uri, work: (document: OnnxDocument) => T | Promise<T>): Promise<T> {
    const lease = await this.acquire(uri);
    try {
      return await work(lease.document);
    } finally {
      lease.dispose();
    }
  }

  #open(uri: Uri, key: string): Entry {
    const owner = new Owner();
    const { ep, optimization, batchSize } = settings;
    const [sessions, runner] = [this.#sessions, this.#runner];
    const opening = OnnxDocument.open(uri, { sessions, ep, optimization, batchSize, runner }).then(
      (document) => {
        owner.own(document);
        owner.own(watch(document));
        for (const listener of this.#created) listener(document);
        return document;
      },
    );
    const entry: Entry = { opening, owner, uses: 0 };
    this.#entries.set(key, entry);
    return entry;
  }

  #release(key: string, entry: Entry): void {
    entry.uses--;
    if (entry.uses > 0) return;
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    entry.owner.dispose();
  }

  dispose(): void {
    for (const { owner } of this.#entries.values()) owner.dispose();
    this.#entries.clear();
  }
}

/** Programs write a file in steps: it is read again once they pause. */
const settleMs = 300;

/** Reads the document again when its file changes on disk. */
function watch(document: OnnxDocument): Disposable {
  const owner = new Owner();
  let timer: NodeJS.Timeout | undefined;
  const folder = Uri.joinPath(document.uri, '..');
  const { fileName } = document;
  // a name may hold what a glob reads as a pattern
  const glob = /[[\]{}*?]/.test(fileName) ? '*' : fileName;
  const watcher = owner.own(workspace.createFileSystemWatcher(new RelativePattern(folder, glob)));
  const later = (uri: Uri): void => {
    if (uri.path !== document.uri.path) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      document.refresh().catch((error: unknown) => {
        log().warn(`${document.uri.toString(true)}: changed on disk, but cannot be read again:`, error);
      });
    }, settleMs);
  };
  owner.own(watcher.onDidChange(later));
  owner.own(watcher.onDidCreate(later));
  owner.own({ dispose: () => clearTimeout(timer) });
  return owner;
}
