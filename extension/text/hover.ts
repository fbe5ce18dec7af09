/** What a node costs and is made of, at a glance, and links to what can be done about it. */
import {
  Hover,
  l10n,
  MarkdownString,
  type Command,
  type HoverProvider,
  type Position,
  type TextDocument,
} from 'vscode';
import type { HoverView } from '../session/text/hover-view.ts';
import { settings } from '../settings.ts';
import { layerLinks, linkCommands } from './layer-links.ts';
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
    const { granularity, weights } = settings;
    const said = await view.document.ask('hoverView', view.side, id, { granularity, weights });
    const links =
      said.lens && layerLinks(view, said.lens, () => l10n.t('Show in Editor')).map((make) => make());
    return new Hover(markdownOf(id, said, links ?? []), document.lineAt(position.line).range);
  }
}

/** One paragraph for the cost, one for the details, one for the links. */
function markdownOf(
  id: string,
  { operator, cost, details }: HoverView,
  links: readonly Command[],
): MarkdownString {
  const head = `**${asText(id)}** — ${asText(operator)}${lineBreak}**${asText(cost)}**`;
  const rest = details.map(asText).join(lineBreak);
  const markdown = new MarkdownString([head, rest, links.map(linkText).join('&nbsp; · &nbsp;')].join('\n\n'));
  markdown.isTrusted = { enabledCommands: linkCommands };
  return markdown;
}

const lineBreak = '  \n';

/**
 * Names come from the file: with all punctuation escaped, they cannot be read as Markdown. (`appendText` would also make
 * every space one at which no line ends.)
 */
function asText(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[!-/:-@[-`{-~]/g, '\\$&');
}

function linkText({ title, command, tooltip, arguments: all }: Command): string {
  // parentheses would end the address
  const query = encodeURIComponent(JSON.stringify(all)).replaceAll('(', '%28').replaceAll(')', '%29');
  const hint = tooltip === undefined ? '' : ` "${asText(tooltip)}"`;
  return `[${asText(title)}](command:${command}?${query}${hint})`;
}
