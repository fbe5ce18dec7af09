import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { en } from '../../../webview/l10n/en.ts';
import { dialogs as english1 } from '../../../webview/l10n/en/dialogs.ts';
import { frame as english2 } from '../../../webview/l10n/en/frame.ts';
import { panes as english3 } from '../../../webview/l10n/en/panes.ts';
import { fill } from '../../../webview/l10n/index.ts';
import { dialogs as chinese1 } from '../../../webview/l10n/zh-cn/dialogs.ts';
import { frame as chinese2 } from '../../../webview/l10n/zh-cn/frame.ts';
import { panes as chinese3 } from '../../../webview/l10n/zh-cn/panes.ts';
import { zhCn } from '../../../webview/l10n/zh-cn.ts';

const folder = path.resolve(import.meta.dirname, '../../../webview');

/** All of the page's code but the tables themselves. */
function code(): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !/^l10n[\\/](en|zh-cn)\b/.test(file))
    .map((file) => readFileSync(path.join(folder, file), 'utf8'))
    .join('\n');
}

/** Names of the values that a text takes. */
function placeholders(text: string): readonly string[] {
  return [...new Set([...text.matchAll(/\{(\w+)/g)].map((m) => m[1] ?? ''))].sort();
}

describe('webview: texts', () => {
  const english = Object.entries(en);
  const chinese: Readonly<Record<string, string>> = zhCn;

  it('has each key in both languages', () => {
    assert.deepEqual(Object.keys(zhCn).sort(), Object.keys(en).sort());
  });

  it('has each key in one table alone', () => {
    for (const tables of [
      [english1, english2, english3],
      [chinese1, chinese2, chinese3],
    ]) {
      const keys = tables.flatMap((table) => Object.keys(table));
      assert.deepEqual(
        keys.filter((key, i) => keys.indexOf(key) !== i),
        [],
      );
    }
  });

  it('uses every key', () => {
    const all = code();
    const isUsed = (key: string): boolean => all.includes(`'${key}'`) || all.includes(`"${key}"`);
    const unused = english.map(([key]) => key).filter((key) => !isUsed(key));
    assert.deepEqual(unused, []);
  });

  it('takes the same values in both languages', () => {
    const different = english.filter(
      ([key, text]) => placeholders(text).join() !== placeholders(chinese[key] ?? '').join(),
    );
    assert.deepEqual(different, []);
  });

  it('has no empty text, and Chinese where English has words', () => {
    const same = new Set(['ep.label', 'column.macs', 'checks.p95', 'fit.largest', 'checks.numbered']);
    const untranslated = english.filter(([key, text]) => chinese[key] === text && !same.has(key));
    assert.deepEqual(untranslated, []);
    assert.ok([...Object.values<string>(en), ...Object.values(chinese)].every((text) => text.trim() !== ''));
  });

  it('shows no word but through the tables', () => {
    // Text between tags that is neither an expression nor punctuation.
    const words = [...code().matchAll(/<[a-z][^<>]*>\s*([A-Za-z]{3,}[A-Za-z ]*)\s*</g)].map((m) => m[1]);
    assert.deepEqual(words, []);
  });

  const cases: readonly [text: string, values: Record<string, string | number>, expected: string][] = [
    ['{n} {n?layer:layers}', { n: 1 }, '1 layer'],
    ['{n} {n?layer:layers}', { n: 12_000 }, '12,000 layers'],
    ['{a} of {b}', { a: 'x', b: 'y' }, 'x of y'],
    ['{missing}', {}, '{missing}'],
  ];
  for (const [text, values, expected] of cases) {
    it(`'${text}' gives '${expected}'`, () => assert.equal(fill(text, values), expected));
  }
});
