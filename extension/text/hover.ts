/** The cost of a node in full: shape, types, formula, share of the peak, and what the recipe does to its layer. */
import { Hover, MarkdownString, type HoverProvider, type Position, type TextDocument } from 'vscode';
import { describeNode } from '../../src/analysis/index.ts';
import { changeFacts, formFacts, localizeFacts, type Fact } from '../views/describe.ts';
import { layersOfView } from './code-lens.ts';
import type { TextView, TextViews } from './text-views.ts';

export class CostHover implements HoverProvider {
  readonly #texts: TextViews;

  constructor(texts: TextViews) {
    this.#texts = texts;
  }

  async provideHover(document: TextDocument, position: Position): Promise<Hover | undefined> {
    const view = await this.#texts.viewOf(document);
    const id = view?.lines.find((l) => l.line === position.line)?.nodeId;
    if (view === undefined || id === undefined) return undefined;
    return new Hover(factsTable(id, factsOf(view, id)), document.lineAt(position.line).range);
  }
}

function factsOf(view: TextView, id: string): Fact[] {
  const facts = localizeFacts(describeNode(view.analysis, view.estimate, id));
  const layer = layersOfView(view).find((l) => l.nodes.includes(id));
  if (layer === undefined) return facts;
  const forms = view.side === 'current' ? formFacts(view.document, layer) : [];
  return [...facts, ...forms, ...changeFacts(view.document, layer)];
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
