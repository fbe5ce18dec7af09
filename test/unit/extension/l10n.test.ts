import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { domainTemplates } from '../../../extension/l10n/domain-templates.ts';
import { headTemplates } from '../../../src/analysis/index.ts';
import { en } from '../../../webview/l10n/en.ts';
import { zhCn } from '../../../webview/l10n/zh-cn.ts';
import { placeholders, readJson, root, usedTexts } from './l10n-keys.ts';

const bundleFile = 'l10n/bundle.l10n.zh-cn.json';

describe('The words of the extension', () => {
  const used = usedTexts();
  const bundle = readJson(bundleFile);

  it('are found', () => assert.ok(used.size > 100, `${used.size} texts`));

  it('are all in the Chinese bundle', () => {
    const wanted = [...used.keys(), ...domainTemplates, ...headTemplates];
    assert.deepEqual(
      wanted.filter((text) => (bundle[text] ?? '') === ''),
      [],
    );
  });

  it('leave nothing in the bundle that is not used', () => {
    const known = new Set<string>([...used.keys(), ...domainTemplates, ...headTemplates]);
    assert.deepEqual(
      Object.keys(bundle).filter((text) => !known.has(text)),
      [],
    );
  });

  it('keep their placeholders', () => {
    for (const [text, translation] of Object.entries(bundle))
      assert.deepEqual(placeholders(translation), placeholders(text), text);
  });
});

describe('Chinese', () => {
  const files = [
    ...[bundleFile, 'package.nls.zh-cn.json', 'README.zh-cn.md'],
    ...['dialogs', 'frame', 'panes'].map((name) => `webview/l10n/zh-cn/${name}.ts`),
    ...readdirSync(path.join(root, 'media'), { recursive: true, encoding: 'utf8' })
      .filter((file) => /zh-cn.*\.md$/.test(file))
      .map((file) => path.join('media', file)),
  ];
  const text = files.map((file) => readFileSync(path.join(root, file), 'utf8')).join('\n');

  it('has one word for activations: 激活值, but in what functions and checkpoints are called', () => {
    assert.match(text, /激活值/);
    assert.deepEqual(text.match(/.{0,9}激活(?!值|函数|检查点).{0,9}/g) ?? [], []);
  });

  it('has one word for accuracy, 准确率; 精度 is the precision of numbers', () => {
    const ofNumbers = /(?<=混合|半|何种|权重|失去)精度|精度(?=会降低|较低)/g;
    assert.ok((text.match(ofNumbers) ?? []).length > 5);
    assert.deepEqual(text.replace(ofNumbers, '').match(/.{0,9}精度.{0,9}/g) ?? [], []);
    const english: Readonly<Record<string, string>> = { ...readJson('package.nls.json'), ...en };
    // what the sentence is about stands before the figure in Chinese
    const { 'ratios.unit': _unit, ...page } = zhCn;
    const named = Object.entries({ ...readJson('package.nls.zh-cn.json'), ...page });
    const pairs = named.map(([key, chinese]) => [english[key] ?? '', chinese] as const);
    const all = [...Object.entries(readJson(bundleFile)), ...pairs];
    const ofAccuracy = all.filter(([source]) => /accuracy/i.test(source));
    assert.ok(ofAccuracy.length > 15);
    assert.deepEqual(
      ofAccuracy.filter(([, chinese]) => !chinese.includes('准确率')),
      [],
    );
  });

  it('has one word for operators, 算子, for checking, 检查, and for local functions, 局部函数', () => {
    assert.deepEqual(text.match(/.{0,9}(运算符|检验|本地函数).{0,9}/g) ?? [], []);
  });
});

describe('The words of package.json', () => {
  const english = readJson('package.nls.json');
  const chinese = readJson('package.nls.zh-cn.json');

  it('exist in both languages', () => assert.deepEqual(Object.keys(chinese), Object.keys(english)));

  it('are those that package.json names', () => {
    const manifest = readFileSync(path.join(root, 'package.json'), 'utf8');
    const named = new Set([...manifest.matchAll(/"%([\w.]+)%"/g)].map((m) => m[1] ?? ''));
    assert.deepEqual([...named].sort(), Object.keys(english).sort());
  });

  it('name pages of the walkthrough, each in its own language', () => {
    for (const [language, words] of [['en', english] as const, ['zh', chinese] as const]) {
      const pages = Object.entries(words).filter(([key]) => /^walkthrough\.\w+\.page$/.test(key));
      assert.equal(pages.length, 5);
      for (const [, file] of pages) {
        const text = readFileSync(path.join(root, file), 'utf8');
        assert.equal(/\p{Script=Han}/u.test(text), language === 'zh', file);
      }
    }
  });

  it('keep their links', () => {
    const links = (text: string): string[] => text.match(/\(command:[\w.]+\)/g) ?? [];
    for (const [key, text] of Object.entries(english))
      assert.deepEqual(links(chinese[key] ?? ''), links(text));
  });
});
