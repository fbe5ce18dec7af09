/** The peak of the active model in the status bar; a click estimates at other batch sizes. */
import { l10n, MarkdownString, StatusBarAlignment, window, type StatusBarItem } from 'vscode';
import { formatBytes } from '../src/format.ts';
import type { ActiveDocument } from './active-document.ts';
import { Owner } from './disposable.ts';
import type { OnnxDocument } from './document/onnx-document.ts';
import { log } from './log.ts';
import type { PeakFigure } from './session/figures.ts';

export class StatusItem extends Owner {
  readonly #active: Pick<ActiveDocument, 'document'>;
  readonly #item: StatusBarItem;
  /** Whose figures are shown. */
  #shown: OnnxDocument | undefined;

  constructor(active: Pick<ActiveDocument, 'document' | 'onDidChange'>) {
    super();
    this.#active = active;
    this.#item = this.own(window.createStatusBarItem('vramLens.peak', StatusBarAlignment.Right, 100));
    this.#item.name = l10n.t('Model memory');
    this.#item.command = 'vramLens.estimate';
    this.own(active.onDidChange(() => this.#update()));
    this.#update();
  }

  #update(): void {
    const { document } = this.#active;
    // until its own figures are there, those of another model would be wrong
    if (document !== this.#shown || document?.failure !== undefined) this.#item.hide();
    this.#shown = document;
    if (document === undefined || document.failure !== undefined) return;
    document.ask('peak').then(
      (peak) => {
        if (this.isDisposed || document !== this.#active.document) return;
        this.#item.text = peakText(document, peak);
        this.#item.tooltip = tooltip(document, peak);
        this.#item.show();
      },
      (error: unknown) => log().warn(`${document.fileName}: peak:`, error),
    );
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
