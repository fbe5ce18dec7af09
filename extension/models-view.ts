/**
 * The view "ONNX Models" in the Explorer: every model of the workspace with its size and, once it was looked into, its
 * peak. Models are looked into one after the other, and only while the view is open.
 */
import {
  EventEmitter,
  l10n,
  RelativePattern,
  TreeItem,
  window,
  workspace,
  type Event,
  type TreeDataProvider,
  type Uri,
} from 'vscode';
import { formatBytes } from '../src/format.ts';
import { Owner } from './disposable.ts';
import type { OnnxDocument } from './document/onnx-document.ts';
import { fileStamp } from './document/open-model.ts';
import { editorViewType } from './editor/view-type.ts';
import type { Services } from './services.ts';
import { messageOf } from './views/error-view.ts';

const viewId = 'vramLens.models';
/** More would be no list to read. */
const mostModels = 500;
/** Other extensions share the host: between two models they have their turn. */
const pauseMs = 20;

interface Look {
  readonly stamp: string;
  readonly bytes: number;
  /** Undefined until it was looked into. */
  readonly peak?: string | undefined;
  readonly error?: string | undefined;
}

export class ModelsView extends Owner implements TreeDataProvider<Uri> {
  readonly #services: Services;
  readonly #changed = this.own(new EventEmitter<Uri | undefined>());
  readonly #looks = new Map<string, Look>();
  #waiting: Uri[] = [];
  #isLooking = false;
  #isVisible = false;

  readonly onDidChangeTreeData: Event<Uri | undefined> = this.#changed.event;

  constructor(services: Services) {
    super();
    this.#services = services;
    const view = this.own(window.createTreeView(viewId, { treeDataProvider: this, showCollapseAll: false }));
    this.own(
      view.onDidChangeVisibility(({ visible }) => {
        this.#isVisible = visible;
        if (visible) this.#lookOn();
      }),
    );
    this.#isVisible = view.visible;
    for (const folder of workspace.workspaceFolders ?? []) {
      const watcher = this.own(workspace.createFileSystemWatcher(new RelativePattern(folder, '**/*.onnx')));
      for (const event of [watcher.onDidCreate, watcher.onDidChange, watcher.onDidDelete])
        this.own(event(() => this.#changed.fire(undefined)));
    }
  }

  async getChildren(element?: Uri): Promise<Uri[]> {
    if (element !== undefined) return [];
    const found = await workspace.findFiles('**/*.onnx', '**/node_modules/**', mostModels);
    found.sort((a, b) => a.path.localeCompare(b.path));
    await Promise.all(found.map((uri) => this.#stat(uri)));
    this.#waiting = found.filter((uri) => isNew(this.#looks.get(uri.toString())));
    this.#lookOn();
    return found;
  }

  getTreeItem(uri: Uri): TreeItem {
    const look = this.#looks.get(uri.toString());
    const item = new TreeItem(uri);
    const folder = workspace.asRelativePath(uri).slice(0, -(uri.path.length - uri.path.lastIndexOf('/')));
    const parts = [
      look === undefined ? '' : formatBytes(look.bytes),
      look?.error !== undefined ? l10n.t('cannot be read') : '',
      look?.peak === undefined ? '' : l10n.t('peak {0}', look.peak),
      folder,
    ];
    item.description = parts.filter((p) => p !== '').join(' · ');
    item.tooltip =
      look?.error ??
      `${workspace.asRelativePath(uri)}\n${parts
        .slice(0, 3)
        .filter((p) => p !== '')
        .join(' · ')}`;
    item.contextValue = 'model';
    const title = l10n.t('Open');
    item.command = { command: 'vscode.openWith', title, arguments: [uri, editorViewType] };
    return item;
  }

  /** What is known of a file goes with its content. */
  async #stat(uri: Uri): Promise<void> {
    const key = uri.toString();
    const stamp = await fileStamp(uri).catch(() => undefined);
    if (stamp === undefined || this.#looks.get(key)?.stamp === stamp) return;
    this.#looks.set(key, { stamp, bytes: Number(stamp.slice(stamp.lastIndexOf('/') + 1)) });
  }

  #lookOn(): void {
    if (this.#isLooking || !this.#isVisible) return;
    this.#isLooking = true;
    void this.#lookAtAll().finally(() => {
      this.#isLooking = false;
    });
  }

  async #lookAtAll(): Promise<void> {
    for (;;) {
      const uri = this.#isVisible && !this.isDisposed ? this.#waiting.shift() : undefined;
      const look = this.#looks.get(uri?.toString() ?? '');
      if (uri === undefined) return;
      if (look === undefined) continue;
      const seen = await this.#services.documents
        .use(uri, (document) => peakOf(document))
        .catch((error: unknown) => ({ error: messageOf(error) }));
      this.#looks.set(uri.toString(), { ...look, ...seen });
      if (!this.isDisposed) this.#changed.fire(uri);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

const isNew = (look: Look | undefined): boolean => look?.peak === undefined && look?.error === undefined;

/** e.g. `12.3 MiB @ batch 8` */
async function peakOf(document: OnnxDocument): Promise<Pick<Look, 'peak'>> {
  const { bytes, isAtLeast, batch } = await document.ask('peak');
  const text = bytes === undefined ? l10n.t('unknown') : formatBytes(bytes);
  return { peak: `${isAtLeast ? '≥ ' : ''}${text}${batch}` };
}
