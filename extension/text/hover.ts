/** The cost of a node in full: shape, types, formula, share of the peak, and what the recipe does to its layer. */
import { Hover, MarkdownString, type HoverProvider, type Position, type TextDocument } from 'vscode';
import type { Fact } from '../views/describe.ts';
import type { TextViews } from './text-views.ts';

export class CostHover implements HoverProvider {
  readonly #texts: TextViews;

  constructor(texts: TextViews) {
    this.#texts = texts;
  }

  async provideHover(document: TextDocument, position: Position): Promise<Hover | undefined> {
    const view = await this.#texts.viewOf(document);
    const id = view?.lines.find((l) => l.line === position.line)?.nodeId;
    if (view === undefined || id === undefined) return undefined;
    const facts = await view.document.ask('nodeFacts', view.side, id);
    return new Hover(factsTable(id, facts), document.lineAt(position.line).range);
  }
}

/** Names come from the file: as text, they cannot be read as Markdown. */
function factsTable(title: string, facts: readonly Fact[]): MarkdownString {
  const markdown = new MarkdownString();
  markdown.appendMarkdown('**').appendText(title).appendMarkdown('**\n\n| | |\n|---|---|\n');
  for (const { label, value } of facts) {
    markdown.appendMarkdown('| ').appendText(cell(label)).appendMarkdown(' | ');
    markdown.appendText(cell(value)).appendMarkdown(' |\n');
  }
  return markdown;
}

/** A line break would end the table's row, a bar its cell. */
function cell(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').replaceAll('|', '¦');
}
