/** What code under `folder` can say: string literals of several words, and reasons of one; `X` for what varies. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { root } from './l10n-keys.ts';

export function sentencesOf(folder: string): string[] {
  const files = readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' });
  return files.filter((f) => f.endsWith('.ts')).flatMap((f) => sentences(path.join(root, folder, f)));
}

function sentences(file: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (isOfDevelopers(node)) return;
    const text = textOf(node);
    if (text === undefined) ts.forEachChild(node, visit);
    else if (/^[A-Z]\w+( [A-Z]\w+)+$/.test(text)) return;
    else if (/[a-z] [a-z"X]/.test(text) || isRefusal(node.parent)) found.push(text);
  };
  visit(ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true));
  return found;
}

function isRefusal(node: ts.Node): boolean {
  return ts.isNewExpression(node) && node.expression.getText() === 'Refusal';
}

/** RangeErrors are about the code; a list of operators is split, or has names only. */
function isOfDevelopers(node: ts.Node): boolean {
  if (ts.isNewExpression(node)) return node.expression.getText() === 'RangeError';
  const callee = ts.isCallExpression(node) ? node.expression : undefined;
  return callee !== undefined && ts.isPropertyAccessExpression(callee) && callee.name.text === 'split';
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return node.head.text + node.templateSpans.map((s) => `X${s.literal.text}`).join('');
}
