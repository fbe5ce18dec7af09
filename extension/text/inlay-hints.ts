/** The bytes of each weight, after its name where a node takes it. */
import { InlayHint, Position, type InlayHintsProvider, type Range, type TextDocument } from 'vscode';
import { tokensOf, unquoted } from './names.ts';
import type { TextViews } from './text-views.ts';

export class WeightHints implements InlayHintsProvider {
  readonly #texts: TextViews;

  constructor(texts: TextViews) {
    this.#texts = texts;
  }

  async provideInlayHints(document: TextDocument, range: Range): Promise<InlayHint[]> {
    const view = await this.#texts.viewOf(document);
    if (view === undefined) return [];
    const seen = view.lines.filter((l) => l.line >= range.start.line && l.line <= range.end.line);
    const taken = seen.flatMap(({ line, kind, name }) => {
      if (kind !== 'node' || name === undefined || line >= document.lineCount) return [];
      return tokensOf(document.lineAt(line).text, line, name[1])
        .filter((t) => !t.isResult)
        .map(({ word, range: at }) => ({ line, character: at.end.character, name: unquoted(word) }));
    });
    const notes = await view.document.ask(
      'weightNotes',
      view.side,
      taken.map((t) => t.name),
    );
    return taken.flatMap(({ line, character, name }) => {
      const note = notes.get(name);
      if (note === undefined) return [];
      const hint = new InlayHint(new Position(line, character), note.bytes);
      hint.paddingLeft = true;
      hint.tooltip = note.tooltip;
      return [hint];
    });
  }
}
