/** The peak of the active model in the status bar; a click estimates at other batch sizes. */
import { l10n, MarkdownString, StatusBarAlignment, window, type StatusBarItem } from 'vscode';
import { formatBytes } from '../src/format.ts';
import { Owner } from './disposable.ts';
import type { Lease } from './document/documents.ts';
import type { OnnxDocument } from './document/onnx-document.ts';
import { log } from './log.ts';
import type { Services } from './services.ts';
import { activeModel } from './target.ts';
import { batchText } from './views/batch-text.ts';
import { totalsNotes } from './views/totals.ts';

export class StatusItem extends Owner {
  readonly #services: Services;
  readonly #item: StatusBarItem;
  #shown: Owner | undefined;
  #key: string | undefined;

  constructor(services: Services) {
    super();
    this.#services = services;
    this.#item = this.own(window.createStatusBarItem('vramLens.peak', StatusBarAlignment.Right, 100));
    this.#item.name = l10n.t('Model memory');
    this.#item.command = 'vramLens.estimate';
    this.own(window.tabGroups.onDidChangeTabs(() => this.#follow()));
    this.own(window.tabGroups.onDidChangeTabGroups(() => this.#follow()));
    this.own({ dispose: () => this.#shown?.dispose() });
    this.#follow();
  }

  /** Shows the model of the active tab. */
  #follow(): void {
    const uri = activeModel();
    const key = uri?.toString();
    if (key === this.#key) return;
    this.#key = key;
    this.#shown?.dispose();
    this.#shown = undefined;
    this.#item.hide();
    if (uri === undefined) return;
    const shown = (this.#shown = new Owner());
    this.#services.documents.acquire(uri).then(
      (lease) => this.#show(shown, shown.own(lease)),
      (error: unknown) => log().warn(`${uri.toString(true)}:`, error),
    );
  }

  #show(shown: Owner, { document }: Lease): void {
    if (shown.isDisposed) return;
    const update = (): void => {
      if (document.failure !== undefined) {
        this.#item.hide();
        return;
      }
      this.#item.text = peakText(document);
      this.#item.tooltip = tooltip(document);
      this.#item.show();
    };
    shown.own(document.onDidChange(update));
    update();
  }
}

/** e.g. `12.3 MiB @ batch 8 · cpu` */
function peakText(document: OnnxDocument): string {
  const { heldPeak, ep } = document.estimate;
  const bytes = heldPeak.bytes === undefined ? l10n.t('unknown') : formatBytes(heldPeak.bytes);
  const text = heldPeak.certainty === 'atLeast' ? `≥ ${bytes}` : bytes;
  return `$(chip) ${text}${batchText(document)} · ${ep}`;
}

function tooltip(document: OnnxDocument): MarkdownString {
  const markdown = new MarkdownString();
  markdown.appendText(l10n.t('Peak memory of {0}', document.fileName));
  for (const note of totalsNotes(document.estimate)) markdown.appendMarkdown('\n- ').appendText(note);
  return markdown;
}
