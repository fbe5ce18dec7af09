/** The main job without a mouse: from the Explorer to the saved file, with nothing but keys. */
import assert from 'node:assert/strict';
import { cp, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Locator } from 'playwright-core';
import { Workbench } from '../../support/workbench.ts';
import { projectRoot } from '../../support/vscode-setup.ts';

describe('by keyboard alone, in VS Code', function () {
  this.bail(true); // each step goes on from where the one before left VS Code
  let workbench: Workbench;

  before(async () => {
    workbench = await Workbench.start({
      fill: (folder) => cp(path.join(projectRoot, 'media/samples'), folder, { recursive: true }),
      settings: { 'files.autoSave': 'afterDelay' }, // as it is in a browser
    });
  });

  after(() => workbench.stop());

  afterEach(function () {
    return workbench.explain(this.currentTest);
  });

  const press = async (...keys: readonly string[]): Promise<void> => {
    for (const key of keys) await workbench.page.keyboard.press(key);
  };
  const type = (text: string): Promise<void> => workbench.page.keyboard.type(text);
  const row = (text: string): Locator =>
    workbench.editor.locator('#layer-grid [role=row]', { hasText: text }).first();
  /** In the page: its id, or what it is called. */
  const focused = (): Promise<string> =>
    workbench.editor.locator('body').evaluate(({ ownerDocument }) => {
      const at = ownerDocument.activeElement;
      return at?.id === '' ? (at.getAttribute('aria-label') ?? at.textContent) : (at?.id ?? '');
    });
  const pressUntil = async (key: string, wanted: string): Promise<void> => {
    const seen: string[] = [];
    while (seen.length < 40) {
      await press(key);
      const at = await focused();
      if (at === wanted) return;
      seen.push(at);
    }
    assert.fail(`${wanted} is reached by ${key}: ${seen.join(' | ')}`);
  };
  /** VS Code gives it to the page a little after it shows it. */
  const untilPageHasFocus = async (): Promise<void> => {
    const body = workbench.editor.locator('body');
    while (!(await body.evaluate(({ ownerDocument }) => ownerDocument.hasFocus())))
      await workbench.page.waitForTimeout(50);
  };
  const command = async (title: string): Promise<void> => {
    // where something else that closes takes the focus back meanwhile, once more
    for (let attempt = 0; attempt < 3 && !(await workbench.pick(title).isVisible()); attempt++) {
      await press('F1');
      await workbench.page.locator('.quick-input-widget input.input:focus').waitFor();
      await type(title);
      await workbench
        .pick(title)
        .waitFor({ timeout: 10_000 })
        .catch(() => undefined);
    }
    // others begin with the same words
    const label = workbench.page.locator('.quick-input-list .monaco-list-row.focused .label-name').first();
    for (let i = 0; i < 20 && (await label.innerText()).trim() !== title; i++) await press('ArrowDown');
    await press('Enter');
  };

  it('opens a model from the Explorer; arrows go to its layers at once', async () => {
    await workbench.closeAllEditors(); // where this is the second try
    await press('Control+Shift+E');
    await type('fmnist_cnn');
    await workbench.page
      .locator('.explorer-folders-view .monaco-list-row.focused', { hasText: 'fmnist_cnn' })
      .waitFor();
    await press('Enter');
    await row('f.0.0').waitFor();
    await untilPageHasFocus();
    await press('ArrowDown');
    await workbench.editor.locator('.grid-row.at.selected', { hasText: 'f.0.0' }).waitFor();
    assert.equal(await focused(), 'layer-grid');
  });

  it('finds layers, chooses them, quantizes, undoes and redoes', async () => {
    await press('Control+f');
    await type('fc1');
    await row('f.0.0').waitFor({ state: 'detached' });
    await press('ArrowDown', 'Control+a', 'Shift+F10', 'Enter');
    await workbench.editor.locator('dialog[open] button[type=submit]:enabled').waitFor();
    await press('Enter');
    const quantized = row('fc1').filter({ hasText: /17\.\d KiB/ });
    await quantized.waitFor();
    assert.equal(await focused(), 'layer-grid');
    await press('Control+z');
    await quantized.waitFor({ state: 'detached' });
    await press('Control+y');
    await quantized.waitFor();
  });

  it('is told that auto save leaves the original as it is', async () => {
    const message = workbench.page.locator('.notification-list-item-message', {
      hasText: 'fmnist_cnn.onnx are not saved: auto save does not overwrite an original model.',
    });
    // a window with the driver of VS Code's own tests shows no toasts: the message waits behind the bell
    await command('Notifications: Show Notifications');
    await message.waitFor();
    const { size } = await stat(path.join(workbench.workspace, 'fmnist_cnn.onnx'));
    assert.equal(size, (await stat(path.join(projectRoot, 'media/samples/fmnist_cnn.onnx'))).size);
    await press('Escape');
    await message.waitFor({ state: 'hidden' });
  });

  it('takes the palette’s commands to mean the layers that are chosen', async () => {
    await command('View: Focus Active Editor Group');
    await untilPageHasFocus();
    await press('Control+f', 'Escape', 'ArrowDown', 'Home', 'Shift+ArrowDown');
    await workbench.editor.locator('.grid-row.selected').nth(1).waitFor();
    await command('VRAM Lens: Prune…');
    const dialog = workbench.editor.locator('dialog[open]');
    await dialog.locator('.dialog-layers', { hasText: /^f\.0\.0, f\.1\.0$/ }).waitFor();
    await press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });

  it('reaches every tab', async () => {
    await command('View: Focus Active Editor Group');
    await untilPageHasFocus();
    await pressUntil('Shift+Tab', 'tab-layers');
    for (const tab of ['timeline', 'treemap', 'graph', 'compare', 'checks', 'sensitivity', 'overview']) {
      await press('ArrowRight');
      assert.equal(await focused(), `tab-${tab}`);
      await workbench.editor.locator(`#pane-${tab}`).waitFor();
    }
    await press('Home');
    await workbench.editor.locator('#pane-layers').waitFor();
  });

  it('opens the text, which shows what was and what is, and acts at a line', async () => {
    await press('Control+k', 't');
    const changed = workbench.page.locator('.view-line', { hasText: 'fc1' }).first();
    await changed.waitFor();
    await workbench.page.waitForFunction(() =>
      [...document.querySelectorAll('.view-line span')].some((span) =>
        getComputedStyle(span, '::before').content.includes('Gemm 64.5 KiB'),
      ),
    );
    await press('Control+f');
    await type('/f/f.6/f.6.0/Conv');
    await press('Enter', 'Escape');
    await workbench.page.locator('.monaco-breadcrumb-item', { hasText: '/f/f.6/f.6.0/Conv' }).waitFor();
    await press('Control+.');
    await workbench.pick('Quantize int8').waitFor();
    await press('Enter');
    await row('f.6.0')
      .filter({ hasText: /73\.\d KiB/ })
      .waitFor();
  });

  it('compares with the original', async () => {
    await command('VRAM Lens: Compare with Original');
    const line = workbench.page.locator('.monaco-diff-editor .modified .view-line');
    await line.filter({ hasText: 'ConvInteger' }).first().waitFor();
    await command('View: Close Editor');
  });

  it('checks the accuracy, and saves', async () => {
    await command('View: Join All Editor Groups');
    await command('VRAM Lens: Open Memory View');
    await row('fc1').waitFor();
    await command('VRAM Lens: Check Accuracy…');
    await workbench.pick('fmnist-test-2000.npz').waitFor();
    await type('fmnist-test');
    await press('Enter');
    await workbench.pick(/Use these data/).waitFor();
    await press('Enter');
    await workbench.page.locator('.quick-input-message', { hasText: /Enter/ }).waitFor();
    await press('Control+a');
    await type('8');
    await press('Enter');
    await workbench.pick(/^cpu/i).waitFor();
    await type('cpu');
    await press('Enter');
    await workbench.editor
      .getByText(/9\d\.\d\s*%/)
      .first()
      .waitFor({ timeout: 150_000 });
    await press('Control+s');
    const dialog = workbench.page.locator('.monaco-dialog-box');
    await dialog.waitFor();
    const overwrite = dialog.locator('.monaco-button:focus', { hasText: 'Overwrite' });
    for (let i = 0; i < 5 && !(await overwrite.isVisible()); i++) await press('Tab');
    await press('Enter');
    await dialog.waitFor({ state: 'detached' });
    await workbench.page.locator('.tab.dirty').waitFor({ state: 'detached' });
    const { size } = await stat(path.join(workbench.workspace, 'fmnist_cnn.onnx'));
    assert.ok(size < 400_000, `${size} bytes`); // 614 KiB before
  });
});
