import assert from 'node:assert/strict';
import { formatBytes } from '../../../src/format.ts';
import { until, plain, sampleHost, textBecomes, transformerHost, withEditor } from './support/harness.ts';
import type { ModelHost } from './support/model-host.ts';

/** The figure of each layer, in the order given. */
function order(
  host: ModelHost,
  by: (row: ReturnType<ModelHost['estimateNow']>['layers'][number]) => number,
): string[] {
  return [...host.estimateNow().layers].sort((a, b) => by(b) - by(a)).map((row) => row.name);
}

describe('webview: layer table', () => {
  it('paints the model, its summary and every layer in execution order', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, rows, names, cell }) => {
      await rows.first().waitFor();
      const { layers, totals } = host.estimateNow();
      assert.deepEqual(
        await names(),
        layers.map((row) => row.name),
      );
      for (const row of layers) {
        assert.equal(await cell(row.name, 'op'), row.opType);
        assert.equal(await cell(row.name, 'shape'), row.outputShape);
        assert.equal(
          await cell(row.name, 'weights'),
          row.parameterBytes === 0 ? '–' : formatBytes(row.parameterBytes),
        );
        assert.equal(await cell(row.name, 'activations'), formatBytes(row.activationBytes ?? 0));
      }
      assert.equal(
        plain(await page.locator('.headline').innerText()),
        formatBytes(totals.totalPeakBytes ?? 0),
      );
      assert.match(
        plain(await page.locator('.facts').innerText()),
        /Parameters 157 K Weights 612 KiB float32/,
      );
      assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
    });
  });

  it('sorts by a column: largest first, smallest first, execution order', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, names, rows }) => {
      await rows.first().waitFor();
      const head = page.locator('[role=columnheader]').filter({ hasText: 'Weights' });
      const sorted = order(host, (row) => row.parameterBytes);
      const given = host.estimateNow().layers.map((row) => row.name);
      await head.locator('button').click();
      assert.deepEqual((await names()).slice(0, 7), sorted.slice(0, 7));
      assert.equal(await head.getAttribute('aria-sort'), 'descending');
      await head.locator('button').click();
      assert.equal((await names()).at(-1), sorted[0]);
      assert.equal(await head.getAttribute('aria-sort'), 'ascending');
      await head.locator('button').click();
      assert.deepEqual(await names(), given);
      assert.equal(await head.getAttribute('aria-sort'), 'none');
    });
  });

  it('filters by words and by kind, and says so where nothing is left', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, names, rows }) => {
      await rows.first().waitFor();
      const filter = page.getByLabel('Filter layers', { exact: true });
      await filter.fill('conv -f.0');
      assert.deepEqual(await names(), ['f.1.0', 'f.3.0', 'f.4.0', 'f.6.0']);
      await filter.fill('no such layer');
      await page.getByText('No layer matches the filter.').waitFor();
      await page.getByRole('button', { name: 'Clear filter' }).last().click();
      assert.equal(await rows.count(), 10);
      await page.getByLabel('Layers listed').selectOption('weights');
      assert.equal(await rows.count(), 7);
    });
  });

  it('in a narrow editor shows figures before words, and words again where there is room', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, rows }) => {
      await rows.first().waitFor();
      const heads = page.locator('[role=columnheader]');
      const wide = ['Layer', 'Operator', 'Output shape', 'Weights', 'Activations', 'MACs'];
      assert.deepEqual(await heads.allInnerTexts(), wide);
      const { height } = page.viewportSize() ?? assert.fail('the page has a size');
      await page.setViewportSize({ width: 520, height });
      await heads.filter({ hasText: 'Operator' }).waitFor({ state: 'detached' });
      assert.deepEqual(await heads.allInnerTexts(), ['Layer', 'Weights', 'Activations', 'MACs']);
      assert.equal(
        await page.locator('#layer-grid').evaluate((grid) => grid.scrollWidth <= grid.clientWidth),
        true,
      );
      await page.setViewportSize({ width: 1280, height });
      await heads.filter({ hasText: 'Operator' }).waitFor();
      assert.deepEqual(await heads.allInnerTexts(), wide);
    });
  });

  it('chooses by mouse and keyboard as VS Code lists do', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, row, grid }) => {
      await row('f.0.0').click();
      const count = page.locator('.selection-count');
      assert.equal(await count.innerText(), '1 chosen');
      await row('f.3.0').click({ modifiers: ['Shift'] });
      assert.equal(await count.innerText(), '4 chosen');
      await row('f.1.0').click({ modifiers: ['Control'] });
      assert.equal(await count.innerText(), '3 chosen');
      await row('fc1').click();
      assert.equal(await count.innerText(), '1 chosen');
      await page.keyboard.press('ArrowUp');
      assert.equal(await row('ReduceMean').getAttribute('aria-selected'), 'true');
      await page.keyboard.press('Shift+Home');
      assert.equal(await count.innerText(), '8 chosen');
      await page.keyboard.press('Control+a');
      assert.equal(await count.innerText(), '10 chosen');
      await page.keyboard.press('Escape');
      assert.equal(await count.innerText(), 'No layer chosen');
      await page.keyboard.press('End');
      const active = await grid.getAttribute('aria-activedescendant');
      assert.equal(await page.locator(`[id="${active}"] .name`).textContent(), 'fc2');
      await page.keyboard.press('Enter');
      await textBecomes(page.locator('.inspector-name'), 'fc2');
      const id = host.estimateNow().layers.at(-1)?.id;
      assert.deepEqual(host.calls.findLast((c) => c.method === 'openTextView')?.args, [id]);
    });
  });

  it('copies the chosen rows with plain figures', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, row }) => {
      await row('fc1').click();
      await page.keyboard.press('Control+c');
      await page.getByText('1 layer copied.').waitFor();
      const text = String(await page.evaluate('navigator.clipboard.readText()'));
      const fc1 = host.estimateNow().layers.find((l) => l.name === 'fc1');
      assert.equal(
        text,
        `Layer\tOperator\tOutput shape\tWeights\tActivations\tMACs\nfc1\tGemm\t1 × 128\t${fc1?.parameterBytes}\t${fc1?.activationBytes}\t${fc1?.macs}`,
      );
    });
  });

  it('groups by name with totals, opens and closes', async () => {
    const host = await transformerHost();
    await withEditor(host, {}, async ({ page, rows }) => {
      await rows.first().waitFor();
      await page.getByRole('button', { name: 'Group by name' }).click();
      const group = page.locator('.grid-row.group').first();
      const label = await group.locator('.leaf').innerText();
      const members = host.estimateNow().layers.filter((l) => l.name.startsWith(`${label}/`));
      assert.equal(await group.locator('.group-count').innerText(), String(members.length));
      assert.equal(
        plain((await group.locator('.cell-weights').textContent()) ?? ''),
        formatBytes(members.reduce((sum, l) => sum + l.parameterBytes, 0)),
      );
      assert.equal(await group.getAttribute('aria-expanded'), 'true');
      await group.click();
      assert.equal(await page.locator('.selection-count').innerText(), `${members.length} chosen`);
      const at = Number((await group.getAttribute('aria-rowindex')) ?? 0) - 2;
      assert.equal(await page.locator(`#row-${at + 1}`).getAttribute('aria-level'), '2');
      await page.keyboard.press('ArrowLeft');
      assert.equal(await group.getAttribute('aria-expanded'), 'false');
      // what follows it now is no member of it
      assert.equal(await page.locator('#row-' + String(at + 1)).getAttribute('aria-level'), '1');
    });
  });

  it('shows and hides columns, resizes them, and remembers', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, rows }) => {
      await rows.first().waitFor();
      await page.getByRole('button', { name: 'Columns' }).click();
      await page.getByLabel('MACs').uncheck();
      await page.getByLabel('Share').check();
      await page.keyboard.press('Escape');
      const heads = page.locator('[role=columnheader]');
      assert.deepEqual(await heads.allInnerTexts(), [
        'Layer',
        'Operator',
        'Output shape',
        'Weights',
        'Share',
        'Activations',
      ]);
      const op = heads.filter({ hasText: 'Operator' });
      const width = (await op.boundingBox())?.width ?? 0;
      await op.locator('button').focus();
      await page.keyboard.press('Alt+ArrowRight');
      assert.equal((await op.boundingBox())?.width, width + 16);
      // saved a moment after each change: what is there first may not hold the last one
      await until(() => JSON.stringify(host.saved.at(-1)?.['widths'] ?? {}) !== '{}');
      const state = host.saved.at(-1);
      assert.deepEqual(state?.['shown'], ['name', 'op', 'shape', 'weights', 'share', 'activations']);
      assert.deepEqual(state['widths'], { op: width + 16 });
      await withEditor(host, { viewState: state }, async (again) => {
        await again.rows.first().waitFor();
        assert.equal(await again.page.locator('[role=columnheader]').count(), 6);
      });
    });
  });

  it('says why a figure is unknown, and marks sums of it as lower bounds', async () => {
    const host = await sampleHost();
    const answer = await host.open();
    const { estimate } = answer.view;
    const layers = estimate.layers.map((row) =>
      row.name === 'fc1'
        ? { ...row, activationBytes: undefined, outputShape: '', macs: undefined, unknown: 'no rule for Foo' }
        : row,
    );
    const totals = { ...estimate.totals, workspaceBytes: undefined, atLeast: true };
    host.open = () =>
      Promise.resolve({ kind: 'model', view: { ...answer.view, estimate: { ...estimate, layers, totals } } });
    await withEditor(host, {}, async ({ page, row, cell }) => {
      await row('fc1').waitFor();
      assert.equal(await cell('fc1', 'activations'), 'unknown');
      assert.equal(await cell('fc1', 'shape'), 'unknown');
      assert.equal(
        await row('fc1').locator('.cell-activations .unknown').getAttribute('title'),
        'no rule for Foo',
      );
      assert.match(plain(await page.locator('.headline').innerText()), /^≥ /);
      assert.match(plain(await page.locator('.legend').innerText()), /Workspace unknown/);
      assert.match(plain(await page.locator('.fit').innerText()), /^May not fit ≥ /);
    });
  });
});
