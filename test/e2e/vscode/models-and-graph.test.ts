/** The workspace's models in the Explorer, and the graph under VS Code's own policy for webviews. */
import assert from 'node:assert/strict';
import { copyFile, cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Workbench } from '../../support/workbench.ts';
import { projectRoot } from '../../support/vscode-setup.ts';

describe('models and graph in VS Code', function () {
  let workbench: Workbench;

  before(async () => {
    workbench = await Workbench.start({
      fill: async (folder) => {
        await cp(path.join(projectRoot, 'media/samples/fmnist_cnn.onnx'), path.join(folder, 'nets/cnn.onnx'));
        await copyFile(
          path.join(projectRoot, 'test/fixtures/models/mnist_transformer.onnx'),
          path.join(folder, 'transformer.onnx'),
        );
        await writeFile(path.join(folder, 'letter.onnx'), 'I am a letter, not a model.\n');
      },
    });
  });

  afterEach(function () {
    return workbench.explain(this.currentTest);
  });

  after(() => workbench.stop());

  const item = (name: string) =>
    workbench.page
      .locator('.pane', { hasText: 'ONNX Models' })
      .locator('.monaco-list-row', { hasText: name });

  it('lists the models with their size and peak, and where a file is none, says so', async () => {
    await workbench.page.locator('.pane-header', { hasText: 'ONNX Models' }).click();
    await item('cnn.onnx')
      .filter({ hasText: /614 KiB · peak 1\.\d+ MiB @ batch 1 · nets/ })
      .waitFor();
    await item('letter.onnx')
      .filter({ hasText: /28 B · cannot be read/ })
      .waitFor();
    await workbench.snapshot('vscode-models');
  });

  it('opens one by a click; its graph is laid out in a worker, nothing comes from outside', async () => {
    await workbench.closeAllEditors(); // where this is the second try
    await item('transformer.onnx').click();
    await workbench.editor.locator('#layer-grid').waitFor();
    await workbench.editor.getByRole('tab', { name: 'Graph' }).click();
    await workbench.editor.locator('.heat-scale', { hasText: /146 KiB/ }).waitFor();
    await workbench.editor.locator('.graph-view').focus();
    await workbench.page.keyboard.press('Home');
    await workbench.page.keyboard.press('ArrowDown');
    await workbench.editor.locator('.tensor-lists', { hasText: 'input' }).waitFor();
    assert.deepEqual([...workbench.outside], []);
  });
});
