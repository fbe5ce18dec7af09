/** The whole job in a real VS Code, by mouse and keyboard: open, read, quantize, compare, check, save. */
import assert from 'node:assert/strict';
import { copyFile, cp, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Workbench } from '../../support/workbench.ts';
import { projectRoot } from '../../support/vscode-setup.ts';

const sample = path.join(projectRoot, 'media/samples/fmnist_cnn.onnx');

describe('the main job in VS Code', function () {
  this.bail(true); // each step goes on from where the one before left VS Code
  let workbench: Workbench;

  before(async () => {
    workbench = await Workbench.start({
      fill: async (folder) => {
        await cp(path.join(projectRoot, 'media/samples'), folder, { recursive: true });
        await copyFile(sample, path.join(folder, 'second.onnx'));
        await copyFile(
          path.join(projectRoot, 'test/fixtures/models/mnist_transformer.onnx'),
          path.join(folder, 'transformer.onnx'),
        );
        await writeFile(path.join(folder, 'not-a-model.onnx'), 'I am a letter, not a model.\n');
        await writeFile(path.join(folder, 'cut-short.onnx'), (await readFile(sample)).subarray(0, 300_000));
      },
    });
  });

  after(() => workbench.stop());

  afterEach(function () {
    return workbench.explain(this.currentTest);
  });

  const { grid, row } = {
    grid: () => workbench.editor.locator('#layer-grid'),
    row: (text: string) => workbench.editor.locator('#layer-grid [role=row]', { hasText: text }),
  };

  it('opens a model in the memory editor and shows each layer', async () => {
    await workbench.closeAllEditors(); // where this is the second try
    await workbench.open('fmnist_cnn.onnx');
    await row('f.6.0').waitFor();
    assert.match(await row('f.6.0').innerText(), /289\s*KiB/);
    assert.match(await workbench.page.locator('.statusbar').innerText(), /batch 1/);
    await workbench.snapshot('vscode-editor');
  });

  it('changes every figure with the batch', async () => {
    const activations = row('f.1.0').locator('.cell-activations');
    const before = await activations.innerText();
    await workbench.editor.getByRole('button', { name: 'batch 32' }).click();
    await workbench.page.locator('.statusbar', { hasText: 'batch 32' }).waitFor();
    await assertEventually(async () => (await activations.innerText()) !== before);
    // 2 outputs (Conv, Relu) of 32·32·28·28 float32
    assert.match(await activations.innerText(), /6\.13\s*MiB/);
    await workbench.editor.getByRole('button', { name: 'batch 8' }).click();
  });

  it('quantizes chosen rows, with undo and redo', async () => {
    await row('f.6.0').click();
    await row('fc1').click({ modifiers: ['Control'] });
    await workbench.editor.getByRole('button', { name: 'Quantize…' }).first().click();
    const dialog = workbench.editor.locator('dialog[open]');
    await dialog.locator('button[type=submit]:enabled').waitFor();
    await workbench.snapshot('vscode-quantize');
    await dialog.locator('button[type=submit]').click();
    await row('f.6.0')
      .filter({ hasText: /73\.0\s*KiB/ })
      .waitFor();
    await workbench.snapshot('vscode-quantized');
    await workbench.command('Undo');
    await row('f.6.0')
      .filter({ hasNotText: /73\.0\s*KiB/ })
      .waitFor();
    await workbench.command('Redo');
    await row('f.6.0')
      .filter({ hasText: /73\.0\s*KiB/ })
      .waitFor();
  });

  it('opens as text, with CodeLens over layers and memory on hover', async () => {
    await workbench.command('VRAM Lens: Open as Text');
    const lens = workbench.page.locator('.codelens-decoration');
    await lens
      .filter({ hasText: /weights/ })
      .first()
      .waitFor();
    assert.match(await lens.first().innerText(), /activations @ batch 8/);
    assert.ok(
      (await workbench.page.locator('.codelens-decoration a', { hasText: 'Quantize int8' }).count()) > 0,
    );
    const node = workbench.page.locator('.view-line', { hasText: /^\/f\/f\.1\/f\.1\.0\/Conv/ });
    await node
      .locator('span span')
      .first()
      .hover({ position: { x: 30, y: 8 } });
    const hover = workbench.page.locator('.monaco-hover:not(.hidden) .hover-contents').first();
    await hover.waitFor();
    assert.match(await hover.innerText(), /batch/);
    await workbench.snapshot('vscode-text');
    await workbench.page.keyboard.press('Escape');
  });

  it('compares with the original in VS Code’s own diff', async () => {
    await workbench.command('VRAM Lens: Compare with Original');
    const changed = workbench.page.locator('.monaco-diff-editor .modified .view-line');
    await changed.filter({ hasText: 'ConvInteger' }).first().waitFor();
    await workbench.snapshot('vscode-compare');
    await workbench.command('View: Close Editor');
  });

  it('checks the accuracy on the sample’s labelled data', async () => {
    await workbench.open('fmnist_cnn.onnx');
    await grid().waitFor();
    await workbench.command('VRAM Lens: Check Accuracy…');
    await workbench.pick('fmnist-test-2000.npz').click();
    await workbench.pick(/Use these data/).click();
    await workbench.answer('8, 32');
    await workbench.pick(/^cpu/i).click();
    await workbench.editor.getByText(/top-1/i).first().waitFor({ timeout: 150_000 });
    await workbench.editor
      .getByText(/93\.\d\s*%/)
      .first()
      .waitFor();
    await workbench.snapshot('vscode-check');
    // top-1 and how far it fell, then the peak of the largest batch; a click shows the report again
    const item = workbench.page.locator('.statusbar-item', {
      hasText: /int8 93\.\d % \(\S+\) · [\d.]+ MiB @ batch 32/,
    });
    await item.waitFor();
    await workbench.editor.locator('#tab-layers').click();
    await grid().waitFor();
    await item.click();
    await workbench.editor.locator('#tab-checks[aria-selected=true]').waitFor();
  });

  it('saves the compressed model over the file, once asked', async () => {
    const file = path.join(workbench.workspace, 'fmnist_cnn.onnx');
    const before = (await stat(file)).size;
    await workbench.page.keyboard.press('Control+S');
    await workbench.page.locator('.monaco-dialog-box', { hasText: /Overwrite fmnist_cnn\.onnx/ }).waitFor();
    await workbench.page.locator('.monaco-dialog-box .monaco-button', { hasText: 'Overwrite' }).click();
    await assertEventually(async () => (await stat(file)).size < before);
    // f.6.0 and fc1: (72·1024·4 + 64·1024) bytes less three quarters
    assert.ok((await stat(file)).size < before - 240_000);
  });

  it('quantizes by right-click on a file in the Explorer', async () => {
    await workbench.menu(workbench.file('transformer.onnx'), 'Quantize…');
    await workbench.pick('All layers').click();
    await workbench.pick('int8, per tensor').click();
    await workbench.editor.locator('#layer-grid').waitFor();
    await workbench.page.locator('.tab.dirty', { hasText: 'transformer.onnx' }).waitFor();
    await workbench.snapshot('vscode-explorer-quantize');
  });

  it('estimates batch sizes against a budget', async () => {
    await workbench.command('VRAM Lens: Estimate Memory…');
    await workbench.answer('1, 8, 32');
    await workbench.pick(/24\.0 GiB/).click();
    await workbench.page.locator('.quick-input-widget', { hasText: /Largest batch that fits/ }).waitFor();
    await workbench.snapshot('vscode-estimate');
    await workbench.page.keyboard.press('Escape');
  });

  it('shows a page that says what is wrong with a broken file, and goes on', async () => {
    await workbench.open('not-a-model.onnx');
    await workbench.editor
      .getByText(/not an ONNX/i)
      .first()
      .waitFor();
    await workbench.snapshot('vscode-error');
    await workbench.open('cut-short.onnx');
    await workbench.editor
      .getByText(/ends .* too early|cut short|copied completely/i)
      .first()
      .waitFor();
    await workbench.open('second.onnx');
    await row('f.6.0').waitFor();
  });

  it('asks nothing of the network', () => {
    assert.deepEqual([...workbench.outside], []);
  });
});

describe('in Simplified Chinese', () => {
  let workbench: Workbench;

  before(async () => {
    workbench = await Workbench.start({
      locale: 'zh-cn',
      fill: (folder) => copyFile(sample, path.join(folder, 'fmnist_cnn.onnx')),
    });
  });

  afterEach(function () {
    return workbench.explain(this.currentTest);
  });

  after(() => workbench.stop());

  it('speaks Chinese', async () => {
    await workbench.closeAllEditors(); // where this is the second try
    await workbench.open('fmnist_cnn.onnx');
    await workbench.editor.locator('#layer-grid').waitFor();
    await workbench.snapshot('vscode-zh-cn');
    assert.match(await workbench.editor.locator('body').innerText(), /权重/);
  });
});

async function assertEventually(isTrue: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await isTrue())) {
    assert.ok(Date.now() < end, `not so after ${timeoutMs} ms: ${isTrue.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
