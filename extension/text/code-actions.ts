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
import { FUNCTIONS, isWaste, UNUSED, WIDE } from './waste.ts';
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
    const cleaning = cleanFixes(view, diagnostics);
    const id = view.lines.find((l) => l.line === range.start.line)?.nodeId;
    const found = id === undefined ? undefined : await view.document.ask('layerActions', id);
    if (found === undefined) return cleaning;
    return [...cleaning, ...fixes(view, found, diagnostics), ...refactorings(view, found)];
  }
}

/** Of all unused initializers at once, all duplicates, all that is float64, or all calls of functions. */
function cleanFixes({ document }: TextView, shown: CodeActionContext['diagnostics']): CodeAction[] {
  return shown.flatMap((problem) => {
    if (problem.source !== 'VRAM Lens' || !isWaste(problem.code)) return [];
    const title = cleanTitle(problem.code);
    const fix = new CodeAction(title, CodeActionKind.QuickFix);
    fix.command = {
      title,
      command: 'vramLens.model.clean',
      arguments: [document.uri.toString(), problem.code],
    };
    fix.diagnostics = [problem];
    fix.isPreferred = true;
    return [fix];
  });
}

function cleanTitle(code: unknown): string {
  if (code === UNUSED) return l10n.t('Remove unused initializers');
  if (code === FUNCTIONS) return l10n.t('Write out local functions');
  return code === WIDE
    ? l10n.t('Make float32 of all that is float64')
    : l10n.t('Merge duplicate initializers');
}

function fixes(view: TextView, found: ActionsView, shown: CodeActionContext['diagnostics']): CodeAction[] {
  return found.fixes.map(({ message, title, form, layerIds }) => {
    const fix = action(view, title, CodeActionKind.QuickFix, 'vramLens.layer.requantize', layerIds, form);
    fix.diagnostics = shown.filter((d) => d.message === message);
    fix.isPreferred = layerIds.length === 1;
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
  layers: string | readonly string[],
  detail?: unknown,
): CodeAction {
  const made = new CodeAction(title, kind);
  made.command = { title, command, arguments: [document.uri.toString(), layers, detail] };
  return made;
}
