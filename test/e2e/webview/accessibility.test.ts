import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { sampleCheck, sampleLayerErrors, sampleSensitivity } from './support/checks.ts';
import { switchTheme } from './support/open-page.ts';
import { sampleHost, textBecomes, transformerHost, withEditor } from './support/harness.ts';
import { themeNames } from './support/themes.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary: string }[];
}

/** The rules of axe that look at colors: all that another theme can break. */
const colorRules = ['color-contrast', 'link-in-text-block'];

/** Serious and critical findings, one line each; by all rules, or by those named. */
async function findings(page: Page, rules?: readonly string[]): Promise<string[]> {
  if (!(await page.evaluate<boolean>(`'axe' in window`))) await page.evaluate(axe);
  const options = {
    resultTypes: ['violations'],
    ...(rules === undefined ? {} : { runOnly: { type: 'rule', values: rules } }),
  };
  const violations = await page.evaluate<readonly Violation[]>(
    `axe.run(document, ${JSON.stringify(options)}).then((r) => r.violations)`,
  );
  return violations
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .flatMap((v) =>
      v.nodes
        .slice(0, 3)
        .map((n) => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary.replace(/\s+/g, ' ')}`),
    );
}

describe('webview: accessibility', () => {
  it('axe finds nothing serious in any view, in any theme', async function () {
    this.timeout(300_000);
    const host = await transformerHost();
    const [first, ...others] = themeNames;
    await withEditor(host, { theme: first }, async ({ page, tab, rows, remote }) => {
      await rows.first().waitFor();
      const found: string[] = [];
      const look = async (where: string): Promise<void> => {
        for (const theme of [first, ...others]) {
          await switchTheme(page, theme);
          const all = await findings(page, theme === first ? undefined : colorRules);
          found.push(...all.map((f) => `${where} (${theme}): ${f}`));
        }
        await switchTheme(page, first);
      };
      await rows.nth(4).click();
      await textBecomes(page.locator('.fact-list'), /./);
      await look('layers');
      await page.getByRole('button', { name: 'GPU memory to stay within' }).click();
      await look('budget');
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Group by name' }).click();
      await look('grouped layers');
      await page.locator('.selection-tools').getByRole('button', { name: 'Prune…' }).click();
      await page.locator('.channel-group').first().waitFor();
      await page.locator('.importance figcaption').first().waitFor();
      await look('prune dialog');
      await page.keyboard.press('Escape');
      await page.locator('.selection-tools').getByRole('button', { name: 'Quantize…' }).click();
      await page.locator('.preview-figures').waitFor();
      await look('quantize dialog');
      await page
        .getByRole('dialog')
        .getByLabel(/^Static int8/)
        .check();
      await page.getByRole('dialog').getByText('More options').click();
      await page.getByRole('dialog').getByText('By layer').click();
      await look('static quantization');
      await page.getByRole('dialog').getByRole('button', { name: 'Quantize', exact: true }).click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      for (const name of ['timeline', 'treemap', 'graph', 'compare', 'checks', 'overview']) {
        await tab(name);
        if (name === 'graph') await page.locator('.tensor-lists').waitFor();
        await look(name);
      }
      await remote.showSensitivity(sampleSensitivity);
      await tab('sensitivity');
      await page.locator('.plots').waitFor();
      await look('sensitivity');
      await remote.showSensitivity({ ...sampleSensitivity, state: 'done' });
      await page.locator('.keep-within').waitFor();
      await look('sensitivity to keep within');
      const layers = host.estimateNow().layers.filter((l) => l.canPrune && l.change === undefined);
      const ratios = Object.fromEntries(layers.slice(0, 2).map((l, i) => [l.id, 0.25 * (i + 1)]));
      host.fitted = { ratios, value: 0.93, original: 0.934 };
      await page.getByRole('button', { name: 'Suggest Ratios' }).click();
      await page.locator('.layer-ratios').waitFor();
      await look('suggested ratios');
      await page.keyboard.press('Escape');
      await remote.showCheck(sampleCheck);
      await remote.showLayerErrors(sampleLayerErrors);
      await page.locator('.verdict').waitFor();
      await look('report');
      await page.getByRole('button', { name: 'Memory of training' }).click();
      await page.locator('.card-list').waitFor();
      await look('training');
      assert.deepEqual(found, []);
    });
  });

  it('axe finds nothing serious on the error page', async () => {
    const host = await sampleHost();
    host.open = () => Promise.reject(new Error('gone'));
    await withEditor(host, {}, async ({ page }) => {
      await page.getByRole('heading').waitFor();
      assert.deepEqual(await findings(page), []);
    });
  });

  it('is worked by keyboard alone, each focus with a ring', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, rows }) => {
      await rows.first().waitFor();
      const seen: string[] = [];
      for (let i = 0; i < 40; i++) {
        await page.keyboard.press('Tab');
        const [name, hasRing] = await page.evaluate<[string, boolean]>(`(() => {
          const e = document.activeElement;
          const style = getComputedStyle(e);
          const at = getComputedStyle(e.id === 'layer-grid' ? e.querySelector('.grid-row.at') ?? e : e);
          return [e.id || e.getAttribute('aria-label') || e.textContent, at.outlineStyle !== 'none' || style.backgroundColor !== 'rgba(0, 0, 0, 0)'];
        })()`);
        if (name === '' || seen.includes(name)) break;
        seen.push(name);
        assert.ok(hasRing, `${name} shows that it has the focus`);
      }
      for (const wanted of [
        'batch',
        'GPU memory to stay within: 8.00 GiB',
        'tab-layers',
        'layer-filter',
        'layer-grid',
        'Width of the details',
      ])
        assert.ok(seen.includes(wanted), `${wanted} is reached by Tab: ${seen.join(' | ')}`);
    });
  });

  it('takes keys where nothing has the focus: arrows go to the table, Ctrl+F to the search', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, rows, tab }) => {
      await rows.first().waitFor();
      assert.equal(await focused(page), 'BODY');
      await page.keyboard.press('ArrowDown');
      assert.equal(await focused(page), 'layer-grid');
      assert.equal(await page.locator('.grid-row.at.selected').innerText(), await rows.first().innerText());
      await page.keyboard.press('Control+f');
      assert.equal(await focused(page), 'layer-filter');
      await tab('graph');
      await page.locator('.graph-frame canvas').waitFor();
      await page.keyboard.press('Control+f');
      assert.equal(await focused(page), 'graph-search');
    });
  });

  it('keeps the Tab key in an open dialog, and gives the focus back', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, rows, grid }) => {
      await rows.nth(1).click();
      await grid.press('Shift+F10');
      await page.keyboard.press('Enter');
      const dialog = page.locator('dialog[open]');
      await dialog.locator('button[type=submit]:enabled').waitFor();
      const isInside = (): Promise<boolean> =>
        page.evaluate(`document.activeElement.closest('dialog[open]') !== null`);
      const seen = new Set<string>();
      for (let i = 0; i < 30; i++) {
        await page.keyboard.press('Tab');
        assert.ok(await isInside(), `after ${i + 1} times Tab`);
        seen.add(await focused(page));
      }
      assert.ok(seen.has('Cancel') && seen.has('Quantize'), [...seen].join(' | '));
      // the button that closes is the first: before it comes the last
      await dialog.getByRole('button', { name: 'Cancel' }).first().focus();
      await page.keyboard.press('Shift+Tab');
      assert.equal(await focused(page), 'Quantize');
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      assert.equal(await focused(page), 'layer-grid');
    });
  });

  it('moves by arrows in tabs, menus and choices, which are one stop of the Tab key each', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, rows, tab }) => {
      await rows.first().click();
      await page.getByRole('button', { name: 'More actions' }).click();
      assert.equal(await focused(page), 'Show in Text');
      await page.keyboard.press('End');
      assert.equal(await focused(page), 'Copy as Markdown');
      await page.keyboard.press('ArrowDown');
      assert.equal(await focused(page), 'Show in Text');
      await page.keyboard.press('Escape');
      assert.equal(await focused(page), 'More actions');
      await page.locator('#tab-layers').focus();
      await page.keyboard.press('End');
      assert.equal(await focused(page), 'tab-overview');
      await page.keyboard.press('ArrowRight');
      assert.equal(await focused(page), 'tab-layers');
      await tab('treemap');
      await page.getByRole('radio', { name: 'Weights' }).focus();
      await page.keyboard.press('ArrowRight');
      assert.equal(await focused(page), 'Activations');
      assert.equal(await page.getByRole('radio', { checked: true }).innerText(), 'Activations');
      await page.keyboard.press('Tab');
      assert.doesNotMatch(await focused(page), /MACs|Weights/);
    });
  });
});

/** What has the focus: its id, or what it is called. */
function focused(page: Page): Promise<string> {
  return page.evaluate(
    `(({ id, tagName, textContent, ariaLabel }) => tagName === 'BODY' ? tagName : id || ariaLabel || textContent)(document.activeElement)`,
  );
}

describe('webview: Chinese', () => {
  it('shows every view in Chinese', async () => {
    const host = await sampleHost();
    await withEditor(host, { locale: 'zh-cn' }, async ({ page, tab, rows, remote }) => {
      await rows.first().click();
      await textBecomes(page.locator('.peak-title'), /^显存峰值/);
      await textBecomes(page.locator('.fit-word'), '放得下');
      assert.deepEqual(await page.locator('[role=columnheader]').allInnerTexts(), [
        '层',
        '算子',
        '输出形状',
        '权重',
        '激活值',
        'MACs',
      ]);
      await page.locator('.selection-tools').getByRole('button', { name: '量化…' }).click();
      await page.getByRole('dialog', { name: '量化权重' }).waitFor();
      await page.keyboard.press('Escape');
      const texts: readonly [string, RegExp][] = [
        ['timeline', /峰值时存活/],
        ['graph', /输入张量/],
        ['compare', /尚无更改/],
        ['checks', /尚未检查/],
        ['overview', /文件中按类型统计的权重/],
      ];
      for (const [name, text] of texts) {
        await tab(name);
        await textBecomes(page.locator('.pane'), text);
      }
      await remote.showCheck(sampleCheck);
      await textBecomes(page.locator('.verdict h2'), '与原模型一样好');
    });
  });
});
