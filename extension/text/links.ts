/** The node of the peak, named at the head of the text, as a link to its line. */
import { DocumentLink, l10n, Range, type DocumentLinkProvider, type TextDocument } from 'vscode';
import type { TextViews } from './text-views.ts';

export class PeakLink implements DocumentLinkProvider {
  readonly #texts: TextViews;

  constructor(texts: TextViews) {
    this.#texts = texts;
  }

  async provideDocumentLinks(document: TextDocument): Promise<DocumentLink[]> {
    const view = await this.#texts.viewOf(document);
    if (view === undefined) return [];
    const { peakNode: node } = view;
    const target = view.lines.find((l) => l.nodeId === node);
    if (node === undefined || target === undefined) return [];
    return view.lines
      .filter((l) => l.kind === 'header')
      .flatMap(({ line }) => {
        const { text } = document.lineAt(line);
        if (!text.endsWith(` ${node}`)) return [];
        const range = new Range(line, text.length - node.length, line, text.length);
        const link = new DocumentLink(range, document.uri.with({ fragment: `L${target.line + 1}` }));
        link.tooltip = l10n.t('Go to the node of the peak');
        return [link];
      });
  }
}
