import assert from 'node:assert/strict';
import type { CheckView } from '../../../src/protocol.ts';
import { sampleCheck, sampleLayerErrors } from './support/checks.ts';
import { plain, sampleHost, textBecomes, until, withEditor } from './support/harness.ts';

const [, , last] = sampleCheck.batches;
/** A later report: faster, its last batch in the place of a larger one, two nodes on the CPU. */
const later: CheckView = {
  ...sampleCheck,
  id: '2',
  ep: 'webgpu',
  batches: sampleCheck.batches.map((b) =>
    b !== last || b.compressed === undefined
      ? b
      : {
          ...b,
          insteadOf: 64,
          compressed: {
            ...b.compressed,
            latencyP50Ms: 5.8,
            fallbacks: [
              { name: '/fc1/Gemm', opType: 'Gemm', ep: 'cpu', durationMs: 1.25 },
              { name: 'Memcpy_1', opType: 'MemcpyToHost', ep: 'cpu', durationMs: 0.25 },
            ],
          },
        },
  ),
};

describe('webview: reports', () => {
  it('show every figure with its interval, plots, what was halved and what ran elsewhere', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, rows, remote }) => {
      await rows.first().waitFor();
      await remote.showCheck(later);
      await page.getByText('Memory did not suffice for batch 64: 32 ran in its place.').waitFor();
      const labels = page.getByRole('region', { name: 'Against the labels' });
      const first = labels.locator('tbody tr').first();
      assert.match(
        plain(await first.innerText()),
        /^1 top-1 93\.4 % \(92\.3 % – 94\.4 %\) 93\.3 % \(92\.2 % – 94\.3 %\) −0\.10 points$/,
      );
      const plots = page.getByRole('region', { name: 'Against the batch size' }).getByRole('img');
      assert.equal(await plots.count(), 3);
      assert.match(
        (await plots.nth(1).getAttribute('aria-label')) ?? '',
        /Original: 1: 0\.42 ms, 8: 2\.3 ms/,
      );
      await page.getByLabel('Figure', { exact: true }).selectOption('kl');
      await textBecomes(page.locator('.check-plots figcaption').first(), 'KL divergence');
      const causes = page.getByRole('region', { name: 'Memory by cause at batch 32' }).locator('tbody tr');
      assert.equal(await causes.count(), 3);
      assert.match(plain(await causes.nth(0).innerText()), /^weights in the arena 72\.0 KiB 72\.0 KiB 72/);
      assert.match(
        plain(await causes.nth(1).innerText()),
        /^arena held beyond its peak 1\.0+ KiB – 1\.0+ KiB –$/,
      );
      const elsewhere = page.getByRole('region', { name: 'Nodes on another provider' });
      assert.match(plain(await elsewhere.innerText()), /2 nodes .* batch 32: 1\.50 ms in all/);
      await elsewhere.getByRole('button', { name: '/fc1/Gemm' }).click();
      await textBecomes(page.locator('.inspector-name'), 'fc1');
    });
  });

  it('are compared with earlier ones, and saved as text and as a picture', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, rows, remote }) => {
      await rows.first().waitFor();
      await remote.showCheck(sampleCheck);
      await remote.showCheck(later);
      await page.getByLabel('Compare with').selectOption('1');
      const table = page.getByRole('region', { name: 'Compared with report 1' });
      assert.match(
        plain(await table.locator('tbody tr').last().innerText()),
        /^32 top-1 93\.3 % → 93\.3 % ±0 points 11\.6 → 5\.80 ms −50 %/,
      );
      const save = async (name: string): Promise<void> => {
        await page.getByRole('button', { name: 'Save the report' }).click();
        await page.getByRole('button', { name: `Save as ${name} …` }).click();
      };
      await save('JSON');
      await save('PNG');
      await until(() => host.calls.some((c) => c.method === 'savePicture'));
      assert.deepEqual(host.calls.find((c) => c.method === 'saveReport')?.args, ['2', 'json']);
      const [picture] = host.calls.find((c) => c.method === 'savePicture')?.args ?? [];
      const { kind, data } = picture as { readonly kind: string; readonly data: string };
      assert.equal(kind, 'png');
      const bytes = Buffer.from(data, 'base64');
      assert.equal(bytes.subarray(1, 4).toString(), 'PNG');
      assert.ok(bytes.readUInt32BE(16) > 600 && bytes.readUInt32BE(20) > 150);
    });
  });

  it('tell where the error starts; a click goes to the layer', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, rows, remote, tab }) => {
      await rows.first().waitFor();
      await remote.showCheck(sampleCheck);
      await page.getByRole('button', { name: 'Where Does the Error Start?' }).click();
      await until(() => host.calls.some((c) => c.method === 'compareLayers'));
      await tab('layers');
      await remote.showLayerErrors(sampleLayerErrors);
      const start = page.locator('.layer-errors .error-start');
      assert.match(plain(await start.innerText()), /^3 fc1 ?starts here Gemm 41\.2 dB 0\.99996 0\.021$/);
      assert.equal(await start.count(), 1);
      await start.getByRole('button', { name: 'fc1' }).click();
      await textBecomes(page.locator('.inspector-name'), 'fc1');
    });
  });
});

describe('webview: beyond the estimate', () => {
  it('measures, and sets it beside the prediction, with its dims where those shown are others', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, rows, remote }) => {
      await rows.first().waitFor();
      await page.getByRole('button', { name: 'Measure', exact: true }).click();
      await page.getByRole('button', { name: 'Largest Batch' }).click();
      await until(() => host.calls.some((c) => c.method === 'measure'));
      assert.deepEqual(host.calls.find((c) => c.method === 'findLargestBatch')?.args, [8 * 2 ** 30]);
      await remote.showMeasurement({
        ...{ ep: 'cpu', dims: { batch: 1 }, nodes: 14, milliseconds: 1.2, placement: { cpu: 14 } },
        ...{ peakBytes: 2 ** 20, predictedBytes: 1.5 * 2 ** 20, processBytes: undefined, source: 'arena' },
      });
      const line = page.locator('.measured');
      await textBecomes(line, 'measured 1.00 MiB, predicted 1.50 MiB (+50 %) · arena');
      await page.getByRole('button', { name: 'batch 4', exact: true }).click();
      await textBecomes(line, /arena · at batch 1, CPU$/);
    });
  });

  it('tells what training takes by optimizer, and which cards hold the peak', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, rows }) => {
      await rows.first().waitFor();
      await page.getByRole('button', { name: 'Memory of training' }).click();
      const panel = page.getByRole('dialog', { name: 'Memory of training' });
      // two float32 states for each of 157,306 elements
      await textBecomes(panel.locator('tr', { hasText: 'Optimizer state' }), 'Optimizer state1.20 MiB');
      await panel.getByLabel('Optimizer', { exact: true }).selectOption('sgd');
      await panel.locator('tr', { hasText: 'Optimizer state' }).waitFor({ state: 'detached' });
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Cards that fit' }).click();
      const cards = page.getByRole('dialog', { name: 'Cards that fit' });
      await textBecomes(cards.locator('.card-list > div').first(), '4.00 GiBGeForce GTX 1650');
    });
  });
});
