import assert from 'node:assert/strict';
import { formatBytes } from '../../../src/format.ts';
import {
  branchesHost,
  sampleHost,
  textBecomes,
  transformerHost,
  until,
  withEditor,
  type Editor,
} from './support/harness.ts';
import type { ModelHost } from './support/model-host.ts';

async function openDialog({ page, remote }: Editor, host: ModelHost) {
  const layer = host.estimateNow().layers.find((l) => l.canPrune);
  await remote.startPrune([layer?.id ?? '']);
  const dialog = page.getByRole('dialog', { name: 'Prune weights' });
  await dialog.getByLabel(/Remove residual blocks/).check();
  return dialog;
}

describe('webview: removing residual blocks', () => {
  it('lists them with what they save and their rank, and removes those that are chosen', async () => {
    const host = await transformerHost();
    await withEditor(host, {}, async (editor) => {
      const dialog = await openDialog(editor, host);
      const { blocks } = await host.blocks('weights', undefined);
      assert.equal(blocks.length, 6);
      const rows = dialog.locator('.blocks tbody tr');
      await rows.nth(5).waitFor();
      assert.equal(await rows.count(), 6);
      const first = blocks.find((b) => b.rank === 0)!;
      await textBecomes(
        rows.nth(blocks.indexOf(first)),
        new RegExp(`${first.id}.*${formatBytes(first.bytes)}.*#1`),
      );
      assert.equal(await dialog.getByRole('button', { name: 'Prune', exact: true }).isDisabled(), true);
      await dialog.getByText('Choose the blocks that go.').waitFor();
      await dialog.getByLabel('How many of the least').fill('2');
      await dialog.locator('.blocks input:checked').nth(1).waitFor();
      assert.equal(await dialog.locator('.blocks input:checked').count(), 2);
      const chosen = blocks.filter((b) => (b.rank ?? 9) < 2).map((b) => b.id);
      const would = await host.preview({
        ...{ type: 'prune-blocks', layerIds: [] },
        options: { blocks: chosen, importance: 'weights' },
      });
      assert.ok(would.macs!.after! < would.macs!.before!);
      await textBecomes(
        dialog.locator('.preview-figures'),
        new RegExp(`${formatBytes(would.beforeBytes)} → ${formatBytes(would.afterBytes)} `),
      );
      await dialog.getByText(/Removed blocks are gone/).waitFor();
      await rows
        .nth(blocks.findIndex((b) => b.id === chosen[0]))
        .getByRole('checkbox')
        .uncheck();
      await dialog.getByRole('button', { name: 'Prune', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.deepEqual(host.calls.findLast((c) => c.method === 'pruneBlocks')?.args, [[chosen[1]]]);
      await editor.page.getByRole('button', { name: /^Remove: / }).click();
      await until(() => host.estimateNow().edits.length === 0);
    });
  });

  it('asks for data where they are ranked by influence, and ranks anew', async () => {
    const host = await transformerHost();
    await withEditor(host, {}, async (editor) => {
      const dialog = await openDialog(editor, host);
      const first = dialog.locator('.blocks tr', { hasText: '#1' }).locator('label');
      const before = await first.innerText();
      await dialog.getByLabel('Ranked by').selectOption('influence');
      await dialog.locator('.calibration').waitFor();
      await until(() => host.calls.some((c) => c.method === 'blocks' && c.args[0] === 'influence'));
      await dialog.locator('.blocks tr', { hasText: '#6' }).locator('label', { hasText: before }).waitFor();
    });
  });

  it('says where there are none', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async (editor) => {
      const dialog = await openDialog(editor, host);
      await dialog.getByText('The model has no residual blocks.').waitFor();
    });
  });

  it('says that those inside bodies are not looked for, where a body has weights', async () => {
    const note = /Those inside bodies of If, Loop and Scan/;
    for (const [host, isSaid] of [
      [await branchesHost(), true] as const,
      [await sampleHost(), false] as const,
    ])
      await withEditor(host, {}, async (editor) => {
        const dialog = await openDialog(editor, host);
        const hint = await dialog
          .getByLabel(/Remove residual blocks/)
          .locator('..')
          .innerText();
        assert.equal(note.test(hint), isSaid, hint);
      });
  });
});
