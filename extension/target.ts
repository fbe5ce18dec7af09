/** Which model a command is about: the one it was called on, the active one, or one that the person picks. */
import {
  l10n,
  TabInputCustom,
  TabInputText,
  TabInputTextDiff,
  Uri,
  window,
  workspace,
  type QuickPickItem,
} from 'vscode';
import { editorViewType } from './editor/view-type.ts';
import { parseTextUri } from './text/text-uri.ts';

/** @param argument what VS Code or another extension called the command with */
export async function targetModel(argument: unknown): Promise<Uri | undefined> {
  return uriOf(argument) ?? activeModel() ?? (await pickModel());
}

/** Every model that was selected in the Explorer. */
export async function targetModels(argument: unknown, selection: unknown): Promise<readonly Uri[]> {
  const several = Array.isArray(selection)
    ? selection.map(uriOf).filter((u) => u !== undefined && u.path.toLowerCase().endsWith('.onnx'))
    : [];
  if (several.length > 0) return several.filter((u) => u !== undefined);
  const one = await targetModel(argument);
  return one === undefined ? [] : [one];
}

/** The model of the active editor, text view or diff. */
export function activeModel(): Uri | undefined {
  const input = window.tabGroups.activeTabGroup.activeTab?.input;
  if (input instanceof TabInputCustom && input.viewType === editorViewType) return input.uri;
  if (input instanceof TabInputText) return parseTextUri(input.uri)?.source;
  if (input instanceof TabInputTextDiff) return parseTextUri(input.modified)?.source;
  return undefined;
}

function uriOf(argument: unknown): Uri | undefined {
  if (argument instanceof Uri) return parseTextUri(argument)?.source ?? argument;
  return typeof argument === 'string' && argument !== '' ? Uri.parse(argument, true) : undefined;
}

/** More would be no list to read; a search in it goes on. */
const maxFound = 2000;

async function pickModel(): Promise<Uri | undefined> {
  const found = await workspace.findFiles('**/*.onnx', '**/node_modules/**', maxFound);
  if (found.length === 0) return browse();
  const other: QuickPickItem = { label: l10n.t('$(folder-opened) Another file…'), alwaysShow: true };
  const items = found
    .map((uri) => ({ label: workspace.asRelativePath(uri), uri }))
    .sort((a, b) => a.label.localeCompare(b.label));
  const picked = await window.showQuickPick([...items, other], { title: l10n.t('Which model?') });
  if (picked === undefined) return undefined;
  return 'uri' in picked ? picked.uri : browse();
}

async function browse(): Promise<Uri | undefined> {
  const chosen = await window.showOpenDialog({
    title: l10n.t('Which model?'),
    filters: { [l10n.t('ONNX models')]: ['onnx'] },
  });
  return chosen?.[0];
}
