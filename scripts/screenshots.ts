/** Entry (`npm run screenshots`): the pictures of the README and the docs, taken in a real VS Code. */
import { copyFile, cp } from 'node:fs/promises';
import path from 'node:path';
import { projectRoot } from '../test/support/vscode-setup.ts';
import { Workbench } from '../test/support/workbench.ts';

const folder = path.join(projectRoot, 'media/screenshots');
const settings = {
  'vramLens.memoryBudget': '8 GiB',
  'vramLens.batchSize': 8,
  'workbench.activityBar.location': 'hidden',
  'breadcrumbs.enabled': false,
};
const fixture = path.join(projectRoot, 'test/fixtures/models/mnist_transformer.onnx');

async function start(locale?: string): Promise<Workbench> {
  return Workbench.start({
    settings,
    ...(locale === undefined ? {} : { locale }),
    fill: async (workspace) => {
      await cp(path.join(projectRoot, 'media/samples'), workspace, { recursive: true });
      await copyFile(fixture, path.join(workspace, 'transformer.onnx'));
    },
  });
}

async function openQuantized(workbench: Workbench, tab?: string): Promise<void> {
  await workbench.open('transformer.onnx');
  await workbench.editor.locator('#layer-grid').waitFor();
  await workbench.command('View: Toggle Primary Side Bar Visibility');
  const { editor } = workbench;
  const row = (name: string) => editor.locator('#layer-grid [role=row]', { hasText: name }).first();
  await row('f1').click();
  await row('f2').click({ modifiers: ['Control'] });
  await editor
    .getByRole('button', { name: tab ?? 'Quantize…' })
    .first()
    .click();
  await editor.locator('dialog[open] button[type=submit]:enabled').click();
  await editor.locator('#layer-grid .grid-row.applied').first().waitFor();
}

const workbench = await start();
try {
  const shot = (name: string) => workbench.screenshot(name, folder);
  await openQuantized(workbench);
  await shot('editor');
  for (const name of ['Timeline', 'Treemap', 'Graph', 'Compare']) {
    await workbench.editor.getByRole('tab', { name }).click();
    await workbench.page.waitForTimeout(name === 'Graph' ? 1500 : 500); // laid out off the thread, drawn in the next frames
    await shot(name.toLowerCase());
  }
  await workbench.command('VRAM Lens: Compare with Original');
  await workbench.page.locator('.monaco-diff-editor .modified .view-line').first().waitFor();
  await workbench.command('View: Join All Editor Groups');
  await shot('diff');
} finally {
  await workbench.stop();
}

const chinese = await start('zh-cn');
try {
  await openQuantized(chinese, '量化…');
  await chinese.screenshot('editor-zh-cn', folder);
} finally {
  await chinese.stop();
}
