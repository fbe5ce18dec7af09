/** The peak of the active model in the status bar; a click estimates at other batch sizes. */
import { l10n, MarkdownString, StatusBarAlignment, window, type StatusBarItem } from 'vscode';
import { formatBytes } from '../src/format.ts';
import { Owner } from './disposable.ts';
import type { Lease } from './document/documents.ts';
import type { OnnxDocument } from './document/onnx-document.ts';
import { log } from './log.ts';
import type { Services } from './services.ts';
import { activeModel } from './target.ts';
import type { PeakFigure } from './session/figures.ts';

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
      document.ask('peak').then(
        (peak) => {
          if (shown.isDisposed) return;
          this.#item.text = peakText(document, peak);
          this.#item.tooltip = tooltip(document, peak);
          this.#item.show();
        },
        (error: unknown) => log().warn(`${document.fileName}: peak:`, error),
      );
    };
    shown.own(document.onDidChange(update));
    update();
  }
}

/** e.g. `12.3 MiB @ batch 8 · cpu` */
function peakText({ options }: OnnxDocument, { bytes, isAtLeast, batch }: PeakFigure): string {
  const figure = bytes === undefined ? l10n.t('unknown') : formatBytes(bytes);
  return `$(chip) ${isAtLeast ? `≥ ${figure}` : figure}${batch} · ${options.ep}`;
}

function tooltip(document: OnnxDocument, { notes }: PeakFigure): MarkdownString {
  const markdown = new MarkdownString();
  markdown.appendText(l10n.t('Peak memory of {0}', document.fileName));
  for (const note of notes) markdown.appendMarkdown('\n- ').appendText(note);
  return markdown;
}
