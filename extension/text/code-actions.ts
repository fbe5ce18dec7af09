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
import type { ActionsView } from '../session/text/layer-actions.ts';
import type { TextView, TextViews } from './text-views.ts';

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
    const found = id === undefined ? undefined : await view.document.ask('layerActions', id);
    if (found === undefined) return [];
    return [...fixes(view, found, diagnostics), ...refactorings(view, found)];
  }
}

function fixes(view: TextView, found: ActionsView, shown: CodeActionContext['diagnostics']): CodeAction[] {
  return found.fixes.map(({ message, title, form }) => {
    const { layerId } = found;
    const fix = action(view, title, CodeActionKind.QuickFix, 'vramLens.layer.requantize', layerId, form);
    fix.diagnostics = shown.filter((d) => d.message === message);
    fix.isPreferred = true;
    return fix;
  });
}

function refactorings(
  view: TextView,
  { layerId, canQuantize, canPrune, isChanged }: ActionsView,
): CodeAction[] {
  const act = (title: string, command: string): CodeAction =>
    action(view, title, CodeActionKind.Refactor, command, layerId);
  return [
    ...(canQuantize ? [act(l10n.t('Quantize int8'), 'vramLens.layer.quantize')] : []),
    ...(canPrune ? [act(l10n.t('Prune…'), 'vramLens.layer.prune')] : []),
    ...(isChanged ? [act(l10n.t('Revert'), 'vramLens.layer.revert')] : []),
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
