/** The bytes of each weight, after its name where a node takes it. */
import { InlayHint, l10n, Position, type InlayHintsProvider, type Range, type TextDocument } from 'vscode';
import { formatBytes, formatShape } from '../../src/format.ts';
import { dataTypeName, tensorByteLength } from '../../src/onnx/index.ts';
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
    // subgraphs may name their own alike; those of the main graph are nearly all
    const { initializers } = view.analysis.model.graph;
    const seen = view.lines.filter((l) => l.line >= range.start.line && l.line <= range.end.line);
    return seen.flatMap(({ line, kind, name }) => {
      if (kind !== 'node' || name === undefined || line >= document.lineCount) return [];
      const { text } = document.lineAt(line);
      return tokensOf(text, line, name[1]).flatMap(({ range: at, word, isResult }) => {
        const tensor = isResult ? undefined : initializers.get(unquoted(word));
        if (tensor === undefined) return [];
        const hint = new InlayHint(
          new Position(line, at.end.character),
          formatBytes(tensorByteLength(tensor)),
        );
        hint.paddingLeft = true;
        hint.tooltip = l10n.t('Weight of {0}, {1}', dataTypeName(tensor.dataType), formatShape(tensor.dims));
        return [hint];
      });
    });
  }
}
