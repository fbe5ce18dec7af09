/** Links over each layer with weights: what it costs, and what can be done about it. */
import {
  CodeLens,
  EventEmitter,
  l10n,
  Range,
  workspace,
  type CodeLensProvider,
  type Command,
  type TextDocument,
} from 'vscode';
import { Owner } from '../disposable.ts';
import type { LensView } from '../session/text/lenses.ts';
import { settings } from '../settings.ts';
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
    const { granularity, reduceRange } = settings;
    const found = await view.document.ask('lenses', view.side, { granularity, reduceRange });
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

/** Its words are made when it comes into sight: a large model has thousands. */
class LayerLens extends CodeLens {
  readonly make: () => Command;

  constructor(range: Range, make: () => Command) {
    super(range);
    this.make = make;
  }
}

function lensesFor({ document, side }: TextView, found: LensView, range: Range): LayerLens[] {
  const { layerId, cost, quantize, canPrune, isChanged } = found;
  const lens = (title: string, command: string, tooltip?: string, ...args: readonly unknown[]): LayerLens =>
    new LayerLens(range, () => ({
      title,
      command,
      arguments: [document.uri.toString(), layerId, ...args],
      ...(tooltip === undefined ? {} : { tooltip }),
    }));
  const lenses = [lens(cost, 'vramLens.layer.reveal', l10n.t('Show the layer in the editor'))];
  if (side === 'original') return lenses;
  if (quantize !== undefined) {
    const { title, tooltip, form } = quantize;
    const args = form === undefined ? [] : [form];
    lenses.push(lens(title, 'vramLens.layer.quantize', tooltip, ...args));
  }
  if (canPrune) lenses.push(lens(l10n.t('Prune…'), 'vramLens.layer.prune'));
  if (isChanged) lenses.push(lens(l10n.t('Revert'), 'vramLens.layer.revert'));
  return lenses;
}
