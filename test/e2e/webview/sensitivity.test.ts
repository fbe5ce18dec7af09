import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import type { ChannelOptions, PruneOptions } from '../../../src/protocol.ts';
import { sampleSensitivity } from './support/checks.ts';
import { plain, sampleHost, textBecomes, until, withEditor } from './support/harness.ts';
import { openPrune as openDialog } from './support/prune-dialog.ts';

describe('webview: sensitivity', () => {
  const table = (page: Page) => page.getByRole('group', { name: 'Sensitivity, all figures' });

  it('is measured from the dialog, with its choices', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async (editor) => {
      const dialog = await openDialog(editor, 'f.3.0');
      await dialog.getByLabel('Which channels').selectOption('l2');
      await dialog.getByRole('button', { name: 'Measure Sensitivity…' }).click();
      await dialog.waitFor({ state: 'detached' });
      await textBecomes(editor.page.locator('.empty-text'), /^Nothing measured yet/);
      const options: PruneOptions = { kind: 'channels', importance: 'l2', ratio: 0.5, repair: 'none' };
      assert.deepEqual(host.calls.findLast((c) => c.method === 'sensitivity')?.args, [
        ['/f/f.3/f.3.0/Conv'],
        options,
      ]);
    });
  });

  it('is drawn as it comes, told as a table, and stopped', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, remote, tab, row }) => {
      await row('fc1').waitFor();
      await tab('sensitivity');
      await page.getByRole('button', { name: 'Measure Sensitivity…' }).click();
      const asked = host.calls.findLast((c) => c.method === 'sensitivity')?.args[0] as string[] | undefined;
      assert.equal(asked?.length, 7);
      await remote.showSensitivity(sampleSensitivity);
      await textBecomes(page.locator('.pane-tools [role=status]'), 'Pruning by L1 norm: measuring, 9 of 21');
      assert.equal(await page.locator('.plots li').count(), 2, 'nothing is drawn of what cannot go');
      assert.equal(await page.locator('.plots circle').count(), 9);
      await page.getByRole('img', { name: 'f.3.0: 40 % at 70 %' }).waitFor();
      assert.deepEqual((await table(page).locator('tbody tr').allInnerTexts()).map(plain), [
        'f.3.0 93.4 % 93 % 92.5 % 92 % 90 % 86 % 70 % 40 %',
        'fc1 93.4 % 93.4 % 93 %',
        'fc2 93.4 % graph output "logits" has these channels',
      ]);
      await page.getByRole('button', { name: 'Stop' }).click();
      assert.ok(host.calls.some((c) => c.method === 'stopSensitivity'));
      assert.equal(await page.locator('.keep-within').count(), 0, 'not before the end');
      await remote.showSensitivity({
        ...sampleSensitivity,
        measure: 'similarity',
        original: 1,
        state: 'stopped',
      });
      await textBecomes(page.locator('.sensitivity > p'), /^The data have no labels: similarity/);
      await page.locator('.plots').getByRole('button', { name: 'fc1' }).click();
      await page.locator('#tab-layers[aria-selected=true]').waitFor();
      assert.match((await row('fc1').getAttribute('class')) ?? '', /selected/);
    });
  });

  it('goes on to the dialog from a point, with what was measured there', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, remote, row, tab }) => {
      await row('fc1').waitFor();
      await tab('sensitivity');
      const options = { ...sampleSensitivity.options, repair: 'bias' } as ChannelOptions;
      await remote.showSensitivity({ ...sampleSensitivity, options, state: 'done' });
      await page.locator('.plots li').first().locator('circle').nth(1).click();
      const dialog = page.getByRole('dialog', { name: 'Prune weights' });
      await textBecomes(dialog.locator('.channel-group caption'), '64 → 51 channels in');
      assert.equal(await dialog.getByLabel('Repair what stays').inputValue(), 'bias');
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      // by keyboard: one stop for each row, arrows to the figure
      await table(page).getByRole('button', { name: '93 %' }).first().focus();
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Enter');
      await textBecomes(dialog.locator('.channel-group caption'), '64 → 45 channels in');
    });
  });

  it('suggests a ratio for each layer within a loss, shows what it would do, and makes one edit of it', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, remote, row, tab }) => {
      await row('fc1').waitFor();
      await tab('sensitivity');
      await remote.showSensitivity({ ...sampleSensitivity, state: 'done' });
      const worse = async (): Promise<number> => table(page).locator('.below').count();
      // two points below 93.4 %: 90 %, 86 %, 70 % and 40 %
      assert.equal(await worse(), 4);
      await page.getByLabel(/^Keep within/).fill('8');
      await until(() => host.calls.length > 0);
      assert.equal(await worse(), 2);
      await page.getByRole('button', { name: 'Suggest Ratios' }).click();
      await until(() => host.calls.some((c) => c.method === 'fitRatios'));
      assert.equal(await page.getByRole('dialog').count(), 0, 'given up: nothing is shown');
      host.fitted = { ratios: {}, value: 0.934, original: 0.934 };
      await page.getByRole('button', { name: 'Suggest Ratios' }).click();
      await page.getByText(/No layer can lose any/).waitFor();
      const [conv = '', fc = ''] = sampleSensitivity.layers.map((l) => l.layerId);
      host.fitted = { ratios: { [conv]: 0.25, [fc]: 0.5 }, value: 0.861, original: 0.934 };
      await page.getByRole('button', { name: 'Suggest Ratios' }).click();
      assert.deepEqual(host.calls.findLast((c) => c.method === 'fitRatios')?.args, [0.08]);
      const dialog = page.getByRole('dialog', { name: 'Prune weights' });
      await dialog.getByText('2 layers, from 25 % to 50 %, as their sensitivity suggests.').waitFor();
      await dialog.getByText(/^All of them together: 86\.1 % top-1, the original 93\.4 %/).waitFor();
      await textBecomes(dialog.locator('.channel-group caption').nth(0), '64 → 48 channels in');
      await textBecomes(dialog.locator('.channel-group caption').nth(1), '128 → 64 channels in');
      assert.equal(await dialog.getByRole('slider').count(), 0);
      await textBecomes(dialog.locator('.importance figcaption'), /16 of 64 channels/);
      // what was measured holds for its choices alone
      await dialog.getByLabel('Which channels').selectOption('l2');
      await dialog.getByText(/Measured with other choices/).waitFor();
      await dialog.getByLabel('Which channels').selectOption('l1');
      await dialog.getByRole('button', { name: 'One ratio for all layers instead' }).click();
      await textBecomes(dialog.locator('.channel-group caption').nth(0), '64 → 32 channels in');
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Suggest Ratios' }).click();
      await dialog.getByRole('button', { name: 'Prune', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.equal(host.estimateNow().edits.length, 1);
      const asked = host.calls.findLast((c) => c.method === 'prune')?.args ?? [];
      assert.deepEqual(asked[0], [conv, fc]);
      assert.deepEqual((asked[1] as ChannelOptions).ratios, host.fitted.ratios);
      const zeros = { kind: 'zeros', method: 'magnitude', ratio: 0.5, scope: 'layer' } as const;
      await remote.showSensitivity({ ...sampleSensitivity, options: zeros, state: 'done' });
      await page.getByRole('button', { name: 'Suggest Ratios' }).click();
      await dialog.locator('.layer-ratios').waitFor();
      await dialog.getByLabel('Pattern').selectOption('2:4');
      await dialog.locator('.layer-ratios').waitFor({ state: 'detached' });
      await page.keyboard.press('Escape');
    });
  });
});
