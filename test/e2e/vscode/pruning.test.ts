/** Pruning in a real VS Code: from the text, compared, checked, and as far as a loss allows, which can be given up. */
import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { Workbench } from '../../support/workbench.ts';
import { projectRoot } from '../../support/vscode-setup.ts';

describe('pruning in VS Code', function () {
  this.bail(true); // each step goes on from where the one before left VS Code
  let workbench: Workbench;

  before(async () => {
    workbench = await Workbench.start({
      fill: (folder) => cp(path.join(projectRoot, 'media/samples'), folder, { recursive: true }),
    });
  });

  after(() => workbench.stop());

  afterEach(function () {
    return workbench.explain(this.currentTest);
  });

  const row = (text: string) => workbench.editor.locator('#layer-grid [role=row]', { hasText: text });
  const dialog = () => workbench.editor.locator('dialog[open]');

  it('begins at a line of the text, by what can be done there', async () => {
    await workbench.closeAllEditors(); // where this is the second try
    await workbench.open('fmnist_cnn.onnx');
    await row('f.6.0').waitFor();
    await workbench.command('VRAM Lens: Open as Text');
    const { keyboard } = workbench.page;
    await workbench.page
      .locator('.view-line', { hasText: /^\/f\/f\.0/ })
      .first()
      .waitFor();
    await keyboard.press('Control+f');
    await keyboard.type('/f/f.6/f.6.0/Conv');
    await keyboard.press('Enter');
    await keyboard.press('Escape');
    await workbench.page.locator('.monaco-breadcrumb-item', { hasText: '/f/f.6/f.6.0/Conv' }).waitFor();
    await keyboard.press('Control+.');
    await workbench.pick('Prune…').click();
    await dialog()
      .locator('.dialog-layers', { hasText: /^f\.6\.0$/ })
      .waitFor();
    await dialog().locator('.channel-group caption').first().waitFor();
    await workbench.snapshot('vscode-prune');
    await dialog().getByRole('button', { name: 'Prune', exact: true }).click();
    await dialog().waitFor({ state: 'detached' });
    // half of its 128 channels
    await row('f.6.0')
      .filter({ hasText: /144\s*KiB/ })
      .waitFor();
  });

  it('is seen in the diff with the original', async () => {
    await workbench.command('VRAM Lens: Compare with Original');
    const line = (side: string) => workbench.page.locator(`.monaco-diff-editor .${side} .view-line`);
    await line('original')
      .filter({ hasText: /\/f\/f\.6\/f\.6\.0\/Conv.*289\sKiB/ })
      .waitFor();
    await line('modified')
      .filter({ hasText: /\/f\/f\.6\/f\.6\.0\/Conv.*144\sKiB/ })
      .waitFor();
    await workbench.snapshot('vscode-prune-compare');
    await workbench.command('View: Close Editor');
  });

  it('is checked with labelled data, and says what it costs', async () => {
    await workbench.open('fmnist_cnn.onnx');
    await workbench.editor.locator('#tab-layers').click(); // it has the focus before the command asks
    await workbench.command('VRAM Lens: Check Accuracy…');
    await workbench.pick('fmnist-test-2000.npz').click();
    await workbench.pick(/Use these data/).click();
    await workbench.answer('8');
    await workbench.pick(/^cpu/i).click();
    const verdict = workbench.editor.locator('.verdict', { hasText: /top-1/i });
    await verdict.waitFor({ timeout: 150_000 });
    assert.match(await verdict.innerText(), /93\.\d\s*% → \d+\.\d\s*%/);
    await workbench.snapshot('vscode-prune-check');
    await workbench.page
      .locator('.statusbar-item', { hasText: /channels −50 % \d+\.\d % \(\S+\) · [\d.]+ MiB @ batch 8/ })
      .waitFor();
  });

  it('looks for how far each layer may go, until that is cancelled', async () => {
    await workbench.editor.locator('#tab-layers').click();
    await row('fc1').click();
    await workbench.editor.getByRole('button', { name: 'Prune…' }).first().click();
    await dialog().getByRole('button', { name: 'Measure Sensitivity…' }).click();
    await workbench.pick('fmnist-test-2000.npz').click();
    const keep = workbench.editor.locator('.keep-within');
    await keep.waitFor({ timeout: 120_000 });
    await keep.getByRole('button', { name: 'Suggest Ratios' }).click();
    await workbench.command('Notifications: Show Notifications');
    const notice = workbench.page.locator('.notification-list-item', {
      hasText: 'Looking for what each layer',
    });
    await notice.locator('.monaco-button', { hasText: 'Cancel' }).click();
    await workbench.snapshot('vscode-prune-cancelled');
    await keep
      .getByRole('button', { name: 'Suggest Ratios' })
      .and(workbench.editor.locator(':enabled'))
      .waitFor();
    assert.equal(await dialog().count(), 0);
    assert.equal(await workbench.editor.locator('.notice').count(), 0, 'giving up is no error');
    // and again, to its end
    await keep.getByRole('button', { name: 'Suggest Ratios' }).click();
    await dialog().locator('.layer-ratios').waitFor({ timeout: 120_000 });
    await workbench.snapshot('vscode-prune-ratios');
  });
});
