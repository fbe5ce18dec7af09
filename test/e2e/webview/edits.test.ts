import assert from 'node:assert/strict';
import { formatBytes } from '../../../src/format.ts';
import { sampleHost, textBecomes, withEditor } from './support/harness.ts';

describe('webview: edits', () => {
  it('previews and applies int8 to the chosen layers, shows before and after, reverts one', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, row, cell }) => {
      await row('f.6.0').click();
      await row('fc1').click({ modifiers: ['Control'] });
      const before = host.estimateNow();
      await page.locator('.selection-tools').getByRole('button', { name: 'Quantize…' }).click();
      const dialog = page.getByRole('dialog', { name: 'Quantize weights' });
      await textBecomes(dialog.locator('.dialog-layers'), 'f.6.0, fc1');
      const ids = before.layers.filter((l) => ['f.6.0', 'fc1'].includes(l.name)).map((l) => l.id);
      for (const granularity of ['per-tensor', 'per-channel'] as const) {
        await dialog.getByLabel('Scales').selectOption(granularity);
        const would = await host.preview({
          type: 'quantize',
          layerIds: ids,
          options: { form: 'dynamic-int8', granularity, weights: 'usual' },
        });
        const [was, is] = [would.beforeBytes, would.afterBytes].map(formatBytes);
        await textBecomes(dialog.locator('.preview-figures'), new RegExp(`layers ?${was} → ${is} −`));
      }
      assert.equal(host.calls.filter((c) => c.method === 'quantize').length, 0, 'a preview changes nothing');
      await dialog.getByRole('button', { name: 'Quantize', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.deepEqual(host.calls.findLast((c) => c.method === 'quantize')?.args, [
        ids,
        { form: 'dynamic-int8', granularity: 'per-channel', weights: 'usual' },
      ]);
      const after = host.estimateNow();
      const bytes = formatBytes(after.layers.find((l) => l.name === 'f.6.0')?.parameterBytes ?? 0);
      await textBecomes(row('f.6.0').locator('.cell-weights'), `289 KiB −75 % ${bytes}`);
      assert.equal(await cell('f.3.0', 'weights'), '72.3 KiB');
      const peaks = [before, after].map((e) => formatBytes(e.totals.totalPeakBytes ?? 0));
      await textBecomes(page.locator('.headline'), new RegExp(`^${peaks[0]} → ${peaks[1]} `));
      assert.equal(await page.locator('.recipe .edit').count(), 1);
      await row('f.6.0').click();
      await page.keyboard.press('Delete');
      await textBecomes(row('f.6.0').locator('.cell-weights'), '289 KiB');
      assert.match((await row('fc1').getAttribute('class')) ?? '', /applied/);
      await page.getByRole('button', { name: /^Remove: / }).click();
      await textBecomes(page.locator('.headline'), peaks[0]!);
      assert.equal(await page.locator('.recipe .edit').count(), 0);
    });
  });

  it('casts to float16 from the same dialog', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, row }) => {
      await row('fc1').click();
      await page.locator('.selection-tools').getByRole('button', { name: 'Quantize…' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel(/^float16/).check();
      // 64.5 KiB of float32 are 32.3 KiB of float16
      await textBecomes(dialog.locator('.preview-figures'), /64\.5 KiB → 32\.3 KiB/);
      assert.equal(await dialog.getByLabel('Scales').count(), 0, 'nothing to choose');
      await dialog.getByRole('button', { name: 'Quantize', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      const [fc1] = host.estimateNow().layers.filter((l) => l.name === 'fc1');
      assert.deepEqual(host.calls.findLast((c) => c.method === 'cast')?.args, [
        [fc1?.id],
        { to: 'float16', keepIo: true },
      ]);
      await textBecomes(row('fc1').locator('.cell-weights'), /64\.5 KiB −50 % 32\.3 KiB/);
    });
  });

  it('takes blocks where the execution provider would not keep int8 small', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, row }) => {
      await row('fc1').waitFor();
      await page.getByLabel('EP').selectOption('webgpu');
      await row('fc1').click();
      await page.locator('.selection-tools').getByRole('button', { name: 'Quantize…' }).click();
      const dialog = page.getByRole('dialog');
      await textBecomes(dialog.locator('.preview-line.warning'), /use 8-bit blocks/);
      await dialog.getByLabel(/4-bit blocks/).check();
      await dialog.getByLabel('Weights per scale').selectOption('64');
      await dialog.locator('.preview-line.warning').waitFor({ state: 'detached' });
      await dialog.getByRole('button', { name: 'Quantize', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      const [, options] = host.calls.findLast((c) => c.method === 'quantize')?.args ?? [];
      assert.deepEqual(options, {
        ...{ form: 'blocks', bits: 4, blockSize: 64, isSymmetric: false },
        ...{ algorithm: 'round', operator: 'MatMulNBits' },
      });
      await textBecomes(page.locator('.change-line'), /64\.5 KiB → 9\.\d+ KiB −8\d %/);
    });
  });

  it('closes without a change by Escape and Cancel, and gives the focus back', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, row }) => {
      await row('fc1').click();
      const button = page.locator('.selection-tools').getByRole('button', { name: 'Quantize…' });
      for (const leave of ['Escape', 'Cancel']) {
        await button.click();
        const dialog = page.getByRole('dialog');
        await dialog.locator('.preview-figures').waitFor();
        if (leave === 'Escape') await page.keyboard.press('Escape');
        else await dialog.getByRole('button', { name: 'Cancel' }).last().click();
        await dialog.waitFor({ state: 'detached' });
        assert.equal(await button.evaluate((e) => e === document.activeElement), true, leave);
      }
      assert.equal(
        host.calls.some((c) => c.method === 'quantize'),
        false,
      );
    });
  });

  it('offers the same by the context menu, and says why where it cannot', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, row }) => {
      await row('f.2').click({ button: 'right' });
      const menu = page.getByRole('menu');
      assert.equal(await menu.getByRole('menuitem', { name: 'Quantize…' }).isDisabled(), true);
      await page.keyboard.press('Escape');
      await row('f.1.0').click({ button: 'right' });
      await menu.getByRole('menuitem', { name: 'Choose All of This Operator' }).click();
      assert.equal(await page.locator('.selection-count').innerText(), '5 chosen');
      await page.keyboard.press('Shift+F10');
      await page.keyboard.press('Enter');
      await page.getByRole('dialog', { name: 'Quantize weights' }).waitFor();
    });
  });

  it('warns of what the execution provider would not save', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, row }) => {
      await row('fc1').waitFor();
      await page.getByLabel('EP').selectOption('webgpu');
      await row('fc1').click();
      await page.locator('.selection-tools').getByRole('button', { name: 'Quantize…' }).click();
      await textBecomes(page.locator('.preview-line.warning'), /^On webgpu, dynamic int8/);
      await page.keyboard.press('Enter');
      await textBecomes(page.locator('.edit-warning'), /^On webgpu/);
    });
  });

  it('edits nothing in a read-only file', async () => {
    const host = await sampleHost();
    const { view } = await host.open();
    host.open = () =>
      Promise.resolve({ kind: 'model', view: { ...view, isReadOnly: true, isTrusted: false } });
    await withEditor(host, {}, async ({ page, row }) => {
      await row('fc1').click();
      const tools = page.locator('.selection-tools');
      for (const name of ['Quantize…', 'Prune…', 'Revert']) {
        assert.equal(await tools.getByRole('button', { name }).isDisabled(), true, name);
      }
      assert.equal(await page.getByRole('button', { name: 'Check Accuracy…' }).isDisabled(), true);
    });
  });
});
