/** Links over each layer with weights: what it costs, and what can be done about it. */
import {
  CodeLens,
  EventEmitter,
  Range,
  workspace,
  type CodeLensProvider,
  type Command,
  type TextDocument,
} from 'vscode';
import { Owner } from '../disposable.ts';
import type { LensView } from '../session/text/lenses.ts';
import { settings } from '../settings.ts';
import { layerLinks } from './layer-links.ts';
import type { TextView, TextViews } from './text-views.ts';

export class LayerLenses extends Owner implements CodeLensProvider<LayerLens> {
  readonly #texts: TextViews;
  readonly #changed = this.own(new EventEmitter<void>());

  readonly onDidChangeCodeLenses = this.#changed.event;

  constructor(texts: TextViews) {
    super();
    this.#texts = texts;
    // the text may stay the same where the lenses do not: another EP, another setting
    this.own(texts.onDidChange(() => this.#changed.fire()));
    this.own(
      workspace.onDidChangeConfiguration((e) => {
        if (e.affectsConfiguration('vramLens.codeLens') || e.affectsConfiguration('vramLens.quantize'))
          this.#changed.fire();
      }),
    );
  }

  async provideCodeLenses(document: TextDocument): Promise<LayerLens[]> {
    const view = settings.hasCodeLens ? await this.#texts.viewOf(document) : undefined;
    if (view === undefined) return [];
    const { granularity, weights } = settings;
    const found = await view.document.ask('lenses', view.side, { granularity, weights });
    return found.flatMap((lens) => {
      const line = Math.min(...lens.nodes.map((id) => view.firstLines.get(id) ?? Infinity));
      return line < document.lineCount ? lensesFor(view, lens, new Range(line, 0, line, 0)) : [];
    });
  }

  resolveCodeLens(lens: LayerLens): LayerLens {
    lens.command = lens.make();
    return lens;
  }
}

/** Its words are made when it comes into sight. */
class LayerLens extends CodeLens {
  readonly make: () => Command;

  constructor(range: Range, make: () => Command) {
    super(range);
    this.make = make;
  }
}

function lensesFor(view: TextView, found: LensView, range: Range): LayerLens[] {
  return layerLinks(view, found, () => found.cost).map((make) => new LayerLens(range, make));
}
