import assert from 'node:assert/strict';
import { formatBytes } from '../../../src/format.ts';
import type { EstimateView } from '../../../src/protocol.ts';
import { until, gib, plain, sampleHost, textBecomes, withEditor } from './support/harness.ts';

describe('webview: top bar', () => {
  it('changes every figure with the batch, by field, stepper and preset', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, rows, cell }) => {
      await rows.first().waitFor();
      const batch = page.getByRole('spinbutton', { name: 'batch' });
      const peak = page.locator('.headline');
      const shown = async (size: number): Promise<void> => {
        await textBecomes(page.locator('.peak-at'), `batch ${size} · CPU`);
        const { totals, layers } = host.estimateNow();
        assert.equal(plain(await peak.innerText()), formatBytes(totals.totalPeakBytes ?? 0));
        const first = layers[0]!;
        assert.equal(await cell(first.name, 'shape'), first.outputShape);
        assert.equal(await cell(first.name, 'activations'), formatBytes(first.activationBytes ?? 0));
        assert.equal(await batch.inputValue(), String(size));
      };
      await shown(1);
      await page.getByRole('button', { name: 'batch 8', exact: true }).click();
      await shown(8);
      await page.getByRole('button', { name: 'batch + 1' }).click();
      await shown(9);
      await batch.fill('37');
      await shown(37);
      await batch.press('ArrowUp');
      await shown(38);
      await batch.press('PageUp');
      await shown(76);
    });
  });

  it('waits for a whole number, and gives the old one back where none comes', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, rows }) => {
      await rows.first().waitFor();
      const batch = page.getByRole('spinbutton', { name: 'batch' });
      for (const text of ['', '0', '1.5', 'many', '99999999']) {
        await batch.fill(text);
        assert.equal(await batch.getAttribute('aria-invalid'), 'true', text);
      }
      await batch.blur();
      assert.equal(await batch.inputValue(), '1');
      assert.equal(host.calls.filter((c) => c.method === 'setDims').length, 0);
    });
  });

  it('stays responsive while the host is slow, and drops stale answers', async () => {
    const host = await sampleHost();
    const answers: (() => void)[] = [];
    const setDims = host.setDims.bind(host);
    host.setDims = async (dims): Promise<EstimateView> => {
      await new Promise<void>((resolve) => answers.push(resolve));
      return setDims(dims);
    };
    await withEditor(host, {}, async ({ page, rows }) => {
      await rows.first().waitFor();
      const batch = page.getByRole('spinbutton', { name: 'batch' });
      await batch.fill('');
      await batch.pressSequentially('128');
      assert.equal(await batch.inputValue(), '128');
      await page.waitForTimeout(50);
      assert.equal(answers.length, 1, 'one call at a time');
      answers[0]?.();
      await until(() => answers.length > 1);
      assert.equal(
        plain(await page.locator('.peak-at').innerText()),
        'batch 1 · CPU',
        'the answer to 1 is stale',
      );
      answers[1]?.();
      await textBecomes(page.locator('.peak-at'), 'batch 128 · CPU');
      assert.equal(answers.length, 2, '12 was never asked for');
    });
  });

  it('calculates for another execution provider', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, rows }) => {
      await rows.first().waitFor();
      await page.getByLabel('EP').selectOption('cuda');
      await textBecomes(page.locator('.peak-at'), 'batch 1 · CUDA');
      const { totals } = host.estimateNow();
      assert.equal(
        plain(await page.locator('.headline').innerText()).replace(/^≥ /, ''),
        formatBytes(totals.totalPeakBytes ?? 0),
      );
    });
  });

  it('says whether it fits, by how much, and the largest batch that does', async () => {
    const host = await sampleHost({
      budgetBytes: undefined as never,
      devices: [{ name: 'Test GPU', vramBytes: 2 ** 21 }],
    });
    await withEditor(host, {}, async ({ page, rows }) => {
      await rows.first().waitFor();
      const fit = page.locator('.fit');
      // the first GPU of the machine is the budget to begin with
      await textBecomes(fit.locator('.fit-figures'), /of 2\.00 MiB/);
      await textBecomes(fit.locator('.fit-word'), 'Fits');
      const { batch } = await host.largestBatch(2 ** 21);
      await textBecomes(fit.locator('.fit-largest'), `batch ≤ ${batch}`);
      await fit.locator('.fit-largest').click();
      await textBecomes(page.locator('.peak-at'), `batch ${batch} · CPU`);
      await textBecomes(fit.locator('.fit-word'), 'Fits');
      await page.getByRole('button', { name: 'batch + 1' }).click();
      await textBecomes(fit.locator('.fit-word'), 'Does not fit');
      await page.getByRole('button', { name: 'GPU memory to stay within' }).click();
      assert.equal(await page.getByRole('radio', { name: /Test GPU/ }).getAttribute('aria-checked'), 'true');
      await page.getByRole('radio', { name: /RTX 3060/ }).click();
      await textBecomes(fit.locator('.fit-word'), 'Fits');
      await textBecomes(fit.locator('.fit-figures'), /of 12\.0 GiB/);
      await page.getByRole('button', { name: 'GPU memory to stay within' }).click();
      await page.getByLabel('Another size').fill('1.5 MB');
      await page.getByRole('button', { name: 'Use' }).click();
      await textBecomes(fit.locator('.fit-figures'), /of 1\.50 MiB/);
      assert.equal(host.calls.findLast((c) => c.method === 'largestBatch')?.args[0], 1.5 * 2 ** 20);
    });
  });

  it('asks for a budget where there is none, and takes an earlier choice', async () => {
    const host = await sampleHost({ budgetBytes: undefined as never });
    await withEditor(host, {}, async ({ page, rows }) => {
      await rows.first().waitFor();
      await textBecomes(page.locator('.fit'), 'Choose a GPU to see what fits');
    });
    await withEditor(host, { viewState: { budgetBytes: 16 * gib } }, async ({ page, rows }) => {
      await rows.first().waitFor();
      await textBecomes(page.locator('.fit-figures'), /of 16\.0 GiB/);
    });
  });

  it('stays in sight in a low window, as at a zoom of 200 %, where all below scrolls', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, rows }) => {
      await rows.first().waitFor();
      await page.setViewportSize({ width: 640, height: 400 });
      const box = async (selector: string): Promise<{ y: number; height: number }> =>
        (await page.locator(selector).boundingBox()) ?? assert.fail(`${selector} is there`);
      const [bar, summary, tabs, panes] = [
        await box('.top-bar'),
        await box('.summary'),
        await box('.tab-bar'),
        await box('.panes'),
      ];
      // one under the other
      assert.ok(summary.y >= bar.y + bar.height && tabs.y >= summary.y + summary.height);
      assert.ok(panes.y >= tabs.y + tabs.height && panes.height >= 200);
      await page.locator('#layer-grid').scrollIntoViewIfNeeded();
      await page.evaluate('window.scrollTo(0, document.documentElement.scrollHeight)');
      assert.equal((await box('.top-bar')).y, 0);
      const seen = await box('#layer-grid');
      assert.ok(seen.y + seen.height <= 400 && seen.y < 400 - 80);
      assert.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
    });
  });
});
