/** The light bulb at a layer's line: what can be done to it, and the fix of what its weights do not save. */
import {
  CodeAction,
  CodeActionKind,
  l10n,
  type CodeActionContext,
  type CodeActionProvider,
  type Range,
  type TextDocument,
} from 'vscode';
import type { FormChoice } from '../../src/transforms/index.ts';
import { nameOfChoice } from '../forms.ts';
import { whatCanBeDone } from '../views/estimate-view.ts';
import type { LayerState } from '../views/layers.ts';
import { layersOfView } from './code-lens.ts';
import type { TextView, TextViews } from './text-views.ts';
import { weightProblems } from './weight-problems.ts';

export class LayerActions implements CodeActionProvider {
  static readonly kinds = [CodeActionKind.QuickFix, CodeActionKind.Refactor];
  readonly #texts: TextViews;

  constructor(texts: TextViews) {
    this.#texts = texts;
  }

  async provideCodeActions(
    document: TextDocument,
    range: Range,
    { diagnostics }: CodeActionContext,
  ): Promise<CodeAction[]> {
    const view = await this.#texts.viewOf(document);
    if (view === undefined || view.side === 'original') return [];
    const id = view.lines.find((l) => l.line === range.start.line)?.nodeId;
    const layer = id === undefined ? undefined : layersOfView(view).find((l) => l.nodes.includes(id));
    if (layer === undefined) return [];
    return [...fixes(view, layer, diagnostics), ...refactorings(view, layer)];
  }
}

function fixes(view: TextView, layer: LayerState, shown: CodeActionContext['diagnostics']): CodeAction[] {
  return weightProblems(view, [layer]).flatMap(({ better, message, layerId }) => {
    if (better === undefined) return [];
    const form = nameOfChoice(better);
    const [title, command] = [insteadTitle(better), 'vramLens.layer.requantize'];
    const fix = action(view, title, CodeActionKind.QuickFix, command, layerId, form);
    fix.diagnostics = shown.filter((d) => d.message === message);
    fix.isPreferred = true;
    return [fix];
  });
}

function insteadTitle({ settings }: FormChoice): string {
  if (settings.form === 'blocks') return l10n.t('Quantize to int{0} in blocks instead', settings.bits);
  return settings.form === 'static'
    ? l10n.t('Quantize to static int8 instead')
    : l10n.t('Quantize to int8 instead');
}

function refactorings(view: TextView, layer: LayerState): CodeAction[] {
  const { canQuantize, canPrune } = whatCanBeDone(view.document, layer);
  const act = (title: string, command: string): CodeAction =>
    action(view, title, CodeActionKind.Refactor, command, layer.id);
  return [
    ...(canQuantize ? [act(l10n.t('Quantize int8'), 'vramLens.layer.quantize')] : []),
    ...(canPrune ? [act(l10n.t('Prune…'), 'vramLens.layer.prune')] : []),
    ...(layer.changes.length > 0 ? [act(l10n.t('Revert'), 'vramLens.layer.revert')] : []),
  ];
}

function action(
  { document }: TextView,
  title: string,
  kind: CodeActionKind,
  command: string,
  layerId: string,
  detail?: unknown,
): CodeAction {
  const made = new CodeAction(title, kind);
  made.command = { title, command, arguments: [document.uri.toString(), layerId, detail] };
  return made;
}
