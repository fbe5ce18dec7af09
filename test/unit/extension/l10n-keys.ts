/** The texts that the extension's sources ask `l10n.t` for. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

export const root = path.resolve(import.meta.dirname, '../../..');

/** Every first argument of `l10n.t(…)` in `extension/`, with the file it stands in. */
export function usedTexts(): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of readdirSync(path.join(root, 'extension'), { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith('.ts')) continue;
    const file = path.join(entry.parentPath, entry.name);
    const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
    visit(source, (text) => found.set(text, path.relative(root, file)));
  }
  return found;
}

function visit(node: ts.Node, onText: (text: string) => void): void {
  if (ts.isCallExpression(node) && node.expression.getText() === 'l10n.t') {
    const [text] = node.arguments;
    // calls with a variable translate the templates of src/, which are lists of their own
    if (text !== undefined && ts.isStringLiteralLike(text)) onText(text.text);
  }
  ts.forEachChild(node, (child) => visit(child, onText));
}

export function readJson(file: string): Record<string, string> {
  return JSON.parse(readFileSync(path.join(root, file), 'utf8')) as Record<string, string>;
}

/** `{0}` and the like, sorted. */
export function placeholders(text: string): string[] {
  return (text.match(/\{\d+\}/g) ?? []).sort();
}
