import assert from 'node:assert/strict';
import type { Locator } from 'playwright-core';
import { formatBytes } from '../../../src/format.ts';
import type { ChannelOptions, PruneOptions, ZeroOptions } from '../../../src/protocol.ts';
import { openPrune as openDialog } from './support/prune-dialog.ts';
import {
  branchesHost,
  plain,
  sampleHost,
  textBecomes,
  transformerHost,
  until,
  withEditor,
} from './support/harness.ts';

describe('webview: removing channels', () => {
  it('tells the channels that go from those that stay, though the layer that makes them reads of the others', async () => {
    await withEditor(await transformerHost(), {}, async (editor) => {
      await editor.row('f1').click();
      await editor.row('f2').click({ modifiers: ['Control'] });
      await editor.page.locator('.selection-tools').getByRole('button', { name: 'Prune…' }).click();
      const dialog = editor.page.getByRole('dialog', { name: 'Prune weights' });
      const captions = dialog.locator('.channel-group caption');
      const stay =
        '96 channels of .+ stay: LayerNormalization "/n1/LayerNormalization" takes the mean over those that stay';
      await textBecomes(captions.nth(1), new RegExp(stay));
      assert.equal(plain(await captions.nth(0).innerText()), '384 → 192 channels in');
      await dialog.getByRole('button', { name: 'Remove them, though not exactly' }).click();
      assert.equal(await dialog.getByLabel(/Residual streams/).isChecked(), true);
      await textBecomes(captions.nth(0), '96 → 48 channels in');
      await textBecomes(captions.nth(1), '384 → 192 channels in');
    });
  });

  it('shares one ratio among the groups, by what their weights say', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async (editor) => {
      await editor.row('f.0.0').click();
      await editor.row('f.3.0').click({ modifiers: ['Control'] });
      await editor.page.locator('.selection-tools').getByRole('button', { name: 'Prune…' }).click();
      const dialog = editor.page.getByRole('dialog', { name: 'Prune weights' });
      const captions = dialog.locator('.channel-group caption');
      await dialog.getByRole('slider').fill('75');
      await textBecomes(captions.nth(0), '32 → 8 channels in');
      await textBecomes(captions.nth(1), '64 → 16 channels in');
      await dialog.getByLabel(/One ratio for all groups/).check();
      await dialog.getByText(/No single line/).waitFor();
      const stay = async (): Promise<number[]> =>
        (await captions.allInnerTexts()).map((text) => Number(/→ (\d+) channels/.exec(plain(text))?.[1]));
      await textBecomes(captions.nth(0), /^32 → (?!8 )\d+ channels/);
      const [first = NaN, second = NaN] = await stay();
      // a quarter of the 96 in all
      assert.equal(first + second, 24);
      await dialog.getByLabel('At most of each group').selectOption({ label: '75 %' });
      await textBecomes(captions.nth(0), '32 → 8 channels in');
      await dialog.getByLabel('At most of each group').selectOption({ label: '90 %' });
      await textBecomes(captions.nth(0), `32 → ${first} channels in`);
      await dialog.getByRole('button', { name: 'Prune', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      const { args } = host.calls.findLast((c) => c.method === 'prune') ?? { args: [] };
      assert.equal((args[1] as ChannelOptions).scope, 'global');
      assert.equal(await editor.cell('f.0.0', 'shape'), `1 × 32${first} × 28 × 28`);
    });
  });

  it('shows what goes together, before it is done and after', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async (editor) => {
      const { page, row, cell } = editor;
      const dialog = await openDialog(editor, 'f.3.0');
      // 64 channels of 32 · 3 · 3 weights, which 64 kernels of the next layer read
      await textBecomes(dialog.locator('.channel-group caption'), '64 → 32 channels in');
      assert.deepEqual((await dialog.locator('.channel-group tr').allInnerTexts()).map(plain), [
        'f.3.0 makes them 64 × 32 × 3 × 3 → 32 × 32 × 3 × 3',
        'f.4.0 pulled along 64 × 64 × 3 × 3 → 64 × 32 × 3 × 3',
      ]);
      for (const [name, isTouched] of [
        ['f.3.0', true],
        ['f.4.0', true],
        ['f.6.0', false],
      ] as const)
        assert.equal(/touched/.test((await row(name).getAttribute('class')) ?? ''), isTouched, name);
      await dialog.getByText(/Removed channels are gone/).waitFor();
      await textBecomes(dialog.locator('.preview-figures'), /MACs ?21\.9 M → 16\.5 M −25 %/);
      await textBecomes(
        dialog.locator('.preview-latency'),
        /^Time of a run ?about 2\d % less ?By the kernel times of the last check on the CPU, at batch 32\.$/,
      );
      await dialog.getByRole('slider').fill('75');
      await textBecomes(dialog.locator('.channel-group caption'), '64 → 16 channels in');
      const ids = host.estimateNow().layers.filter((l) => l.name === 'f.3.0').map((l) => l.id); // prettier-ignore
      const options: PruneOptions = { kind: 'channels', importance: 'expected', ratio: 0.75, repair: 'none' };
      const would = await host.preview({ type: 'prune', layerIds: ids, options });
      await textBecomes(
        dialog.locator('.preview-figures'),
        new RegExp(`2 layers ?${formatBytes(would.beforeBytes)} → ${formatBytes(would.afterBytes)} `),
      );
      await dialog.getByRole('button', { name: 'Prune', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.deepEqual(host.calls.findLast((c) => c.method === 'prune')?.args, [ids, options]);
      assert.equal(await cell('f.3.0', 'shape'), '1 × 6416 × 14 × 14');
      assert.equal(await row('f.3.0').locator('.cell-shape .before').innerText(), '64');
      // (32 · 9 + 1) · 4 bytes a channel; the kernels of the next layer lose 9 weights for each
      await textBecomes(row('f.3.0').locator('.cell-weights'), /72\.3 KiB −75 % 18\.1 KiB/);
      await textBecomes(row('f.4.0').locator('.cell-weights'), /144 KiB −75 % 36\.3 KiB/);
      await page.click('#tab-compare');
      await textBecomes(
        page.locator('.changed-layers tbody'),
        /f\.3\.0.*channels −75 %.*f\.4\.0.*channels −75 %/,
      );
      await page.click('#tab-layers');
      await page.getByRole('button', { name: /^Remove: / }).click();
      await textBecomes(row('f.4.0').locator('.cell-weights'), /^144 KiB$/);
      assert.equal(await cell('f.3.0', 'shape'), '1 × 64 × 14 × 14');
    });
  });

  it('names what stands in the way', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async (editor) => {
      const dialog = await openDialog(editor, 'fc2');
      await textBecomes(
        dialog.locator('.group-blocked'),
        /^10 channels of fc2 stay: graph output "logits" has these channels$/,
      );
      assert.equal(await dialog.getByRole('button', { name: /not exactly/ }).count(), 0);
      // said once
      assert.equal(await dialog.getByText(/has these channels/).count(), 1);
      assert.equal(await dialog.getByRole('button', { name: 'Prune', exact: true }).isDisabled(), true);
      assert.equal(await editor.page.locator('.grid-row.touched').count(), 0);
      await textBecomes(dialog.locator('.importance'), /It has no channels that can go/);
    });
  });

  it('draws the importance, with a cut that follows the ratio and reads nothing anew', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async (editor) => {
      const dialog = await openDialog(editor, 'f.3.0');
      const line = dialog.locator('.cut-line');
      await line.waitFor({ state: 'attached' });
      const at = async (): Promise<number> => Number(await line.getAttribute('x1'));
      await textBecomes(dialog.locator('.importance figcaption'), /32 of 64 channels, below [\d.]+, go/);
      const half = await at();
      await dialog.getByRole('slider').fill('90');
      await textBecomes(dialog.locator('.importance figcaption'), /58 of 64 channels/);
      assert.ok((await at()) > half);
      assert.equal(host.calls.filter((c) => c.method === 'importance').length, 1);
      await dialog.getByLabel('Which channels').selectOption('l2');
      await until(() => host.calls.filter((c) => c.method === 'importance').length === 2);
    });
  });

  it('asks for data where it looks at activations', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async (editor) => {
      const dialog = await openDialog(editor, 'f.3.0');
      assert.equal(await dialog.locator('.calibration').count(), 0);
      await dialog.getByLabel('Repair what stays').selectOption('least-squares');
      await dialog.locator('.calibration').waitFor();
    });
  });

  it('takes what is not exact only where it is asked for', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async (editor) => {
      const dialog = await openDialog(editor, 'f.3.0');
      const choice = dialog.getByLabel(/Residual streams behind LayerNorm/);
      assert.equal(await choice.isChecked(), false);
      await choice.check();
      await dialog.getByRole('button', { name: 'Prune', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      const options = host.calls.findLast((c) => c.method === 'prune')?.args[1];
      assert.equal((options as ChannelOptions).approximate, true);
    });
  });
});

describe('webview: removing channels inside a body', () => {
  it('shows the group, its cut, and the layers of that branch alone; done, its rows are smaller', async () => {
    const host = await branchesHost();
    await withEditor(host, {}, async ({ page, remote, rows }) => {
      await rows.first().waitFor();
      const layer = host.estimateNow().layers.find((l) => l.canPrune && /then_branch.*Conv/.test(l.id))!;
      await remote.startPrune([layer.id]);
      const dialog = page.getByRole('dialog', { name: 'Prune weights' });
      await textBecomes(dialog.locator('.channel-group caption'), '258 → 128 channels in');
      // two by two: of 129 pairs 65 go
      await textBecomes(dialog.locator('.importance figcaption'), /130 of 258 channels, below [\d.]+, go/);
      const names = await dialog.locator('.channel-group tr').allInnerTexts();
      assert.ok(names.length > 1);
      const options: PruneOptions = { kind: 'channels', importance: 'expected', ratio: 0.5, repair: 'none' };
      const would = await host.preview({ type: 'prune', layerIds: [layer.id], options });
      const ids = would.groups?.flatMap((g) => g.layers.map((l) => l.layerId)) ?? [];
      assert.ok(ids.length > 1);
      assert.ok(
        ids.every((id) => /^[^/]*\/?[^/]*then_branch/.test(id) && !id.includes('else_branch')),
        ids.join(),
      );
      await dialog.locator('.cut-line').waitFor({ state: 'attached' });
      await dialog
        .locator('.preview-latency')
        .getByText(/about \d+ % less|about the same/)
        .waitFor();
      await dialog.getByRole('button', { name: 'Prune', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      const after = host.estimateNow().layers.filter((l) => l.change !== undefined);
      assert.deepEqual(after.map((l) => l.id).sort(), [...new Set(ids)].sort());
      assert.ok(after.every((l) => l.change!.afterBytes < l.change!.beforeBytes));
    });
  });

  it('asks for data there, for repair and for the importance by activations', async () => {
    const host = await branchesHost();
    await withEditor(host, {}, async ({ page, remote, rows }) => {
      await rows.first().waitFor();
      const layer = host.estimateNow().layers.find((l) => l.canPrune && /then_branch.*Conv/.test(l.id))!;
      await remote.startPrune([layer.id]);
      const dialog = page.getByRole('dialog', { name: 'Prune weights' });
      await dialog.locator('.channel-group').first().waitFor();
      await dialog.getByLabel('Repair what stays').selectOption('least-squares');
      await dialog.locator('.calibration').waitFor();
      assert.equal(await dialog.getByText(/is not repaired/).count(), 0);
      await dialog.getByLabel('Repair what stays').selectOption('none');
      await dialog.getByLabel('Which channels').selectOption('activation');
      await dialog.locator('.calibration').waitFor();
      await dialog.locator('.channel-group caption').filter({ hasText: '258 → 128 channels' }).waitFor();
      assert.equal(await dialog.locator('.preview-line.circle-slash').count(), 0);
      assert.equal(await dialog.getByRole('button', { name: 'Prune', exact: true }).isDisabled(), false);
    });
  });
});

describe('webview: the weight error of pruned layers', () => {
  it('is none where channels are gone, a figure where zeros are, and names what data decide', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async (editor) => {
      const { page, row, cell } = editor;
      const apply = async (name: string, change: (dialog: Locator) => Promise<unknown>) => {
        const dialog = await openDialog(editor, name);
        await change(dialog);
        await dialog.getByRole('button', { name: 'Prune', exact: true }).click();
        await dialog.waitFor({ state: 'detached' });
      };
      await apply('f.3.0', (dialog) => dialog.getByRole('slider').fill('50'));
      await apply('fc1', (dialog) => dialog.getByLabel(/Zero weights/).check());
      await apply('fc2', async (dialog) => {
        await dialog.getByLabel(/Zero weights/).check();
        await dialog.getByLabel('Which weights').selectOption('wanda');
      });
      // as large as before, and yet not as it was
      await textBecomes(row('fc1').locator('.cell-weights'), 'pruned 50 %64.5 KiB');
      await row('fc1').click({ button: 'right' });
      await page.getByRole('menu').getByRole('menuitem', { name: 'Measure Weight Error' }).click();
      await row('fc1').locator('.cell-sqnr').waitFor();
      const found = host.estimateNow().layers.find((l) => l.name === 'fc1')?.sqnrDb;
      assert.ok(typeof found === 'number' && found > 3 && found < 30, String(found));
      assert.equal(await cell('fc1', 'sqnr'), `${found.toFixed(1)} dB`);
      assert.equal(await cell('f.3.0', 'sqnr'), 'kept exactly');
      assert.equal(await cell('f.4.0', 'sqnr'), 'kept exactly', 'it reads the channels that are gone');
      assert.equal(await cell('f.6.0', 'sqnr'), '');
      assert.equal(await cell('fc2', 'sqnr'), 'needs data');
      const hint = await row('fc2').locator('.cell-sqnr.unknown').getAttribute('title');
      assert.match(hint ?? '', /save or check first/);
      await row('f.3.0').click();
      await page.locator('.inspector').getByText('kept exactly').waitFor();
    });
  });
});

describe('webview: zeroing weights', () => {
  it('says that zeros save no memory, and takes method, ratio and pattern', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async (editor) => {
      const { page } = editor;
      // as it crosses to the host: what is undefined is left out
      const asked = (): unknown =>
        JSON.parse(JSON.stringify(host.calls.findLast((c) => c.method === 'prune')?.args[1]));
      let dialog = await openDialog(editor, 'fc1');
      await dialog.getByLabel(/Zero weights/).check();
      await dialog.getByText(/CPU, WebGPU, CUDA .* dense kernels: .*saves no GPU memory by itself/).waitFor();
      assert.equal(await dialog.locator('.preview-latency').count(), 0, 'nothing gets faster');
      // the weight alone, its bias stays: 128 × 128 × 4 bytes
      await textBecomes(dialog.locator('.preview-figures'), /layer ?64\.0 KiB → 64\.0 KiB ±0 %/);
      await dialog.getByRole('slider').fill('70');
      await textBecomes(dialog.locator('.importance figcaption'), /11,469 of 16,384 weights/);
      await dialog.getByLabel('Which weights').selectOption('random');
      await dialog.getByRole('button', { name: 'Prune', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.deepEqual(asked(), { kind: 'zeros', method: 'random', ratio: 0.7, scope: 'layer' });
      await textBecomes(page.locator('.change-line'), /^pruned 70 % ?64\.5 KiB → 64\.5 KiB/);
      dialog = await openDialog(editor, 'fc1');
      await dialog.getByLabel(/Zero weights/).check();
      await dialog.getByLabel('Pattern').selectOption('2:4');
      assert.equal(await dialog.getByRole('slider').count(), 0, 'the pattern decides how many');
      await dialog.getByRole('button', { name: 'Prune', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.deepEqual(asked(), {
        kind: 'zeros',
        method: 'magnitude',
        ratio: 0.5,
        scope: 'layer',
        pattern: '2:4',
      });
    });
  });

  it('leaves zeros out of the file where asked, and says that memory stays', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async (editor) => {
      const dialog = await openDialog(editor, 'fc1');
      await dialog.getByLabel(/Zero weights/).check();
      await dialog.getByLabel(/Leave zeros out of the file/).check();
      await dialog.getByText(/dense again when it loads: no memory saved/).waitFor();
      // at 50 % a value and its place take more than two values
      await textBecomes(dialog.locator('.preview-figures'), /layer ?64\.0 KiB → 64\.0 KiB ±0 %/);
      // 3,277 of 128 × 128 stay, at 4 + 8 bytes
      await dialog.getByRole('slider').fill('80');
      await textBecomes(dialog.locator('.preview-figures'), /layer ?64\.0 KiB → 38\.4 KiB/);
      await dialog.getByLabel('Which weights').selectOption('global');
      assert.equal(await dialog.getByLabel(/Leave zeros out of the file/).count(), 0);
      await dialog.getByLabel('Which weights').selectOption('magnitude');
      await dialog.getByLabel(/Leave zeros out of the file/).check();
      await dialog.getByRole('button', { name: 'Prune', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      const options = host.calls.findLast((c) => c.method === 'prune')?.args[1];
      assert.equal((options as ZeroOptions).sparse, true);
    });
  });
});
