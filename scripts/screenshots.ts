/**
 * Entry (`npm run screenshots`): the pictures of the README and the docs, taken in a real VS Code: every view in light and
 * dark, in English and Chinese. The Chinese ones need a font that has the characters (Debian: fonts-noto-cjk).
 */
import { copyFile, cp } from 'node:fs/promises';
import path from 'node:path';
import { stillPicture } from '../test/support/pictures.ts';
import { projectRoot } from '../test/support/vscode-setup.ts';
import { Workbench } from '../test/support/workbench.ts';

const folder = path.join(projectRoot, 'media/screenshots');
const settings = {
  'vramLens.memoryBudget': '8 GiB',
  'vramLens.batchSize': 8,
  'workbench.activityBar.location': 'hidden',
  'breadcrumbs.enabled': false,
};
const fixtures = path.join(projectRoot, 'test/fixtures/models');

interface Language {
  readonly locale: string | undefined;
  /** Behind the name of each picture. */
  readonly suffix: string;
  readonly quantize: string;
  readonly prune: string;
}

const languages: readonly Language[] = [
  { locale: undefined, suffix: '', quantize: 'Quantize…', prune: 'Prune…' },
  { locale: 'zh-cn', suffix: '-zh-cn', quantize: '量化…', prune: '剪枝…' },
];

for (const language of languages) {
  const workbench = await Workbench.start({
    settings,
    ...(language.locale === undefined ? {} : { locale: language.locale }),
    fill: async (workspace) => {
      await cp(path.join(projectRoot, 'media/samples'), workspace, { recursive: true });
      await copyFile(path.join(fixtures, 'mnist_transformer.onnx'), path.join(workspace, 'transformer.onnx'));
      await copyFile(path.join(fixtures, 'mnist-test-2000.npz'), path.join(workspace, 'mnist-test.npz'));
    },
  });
  try {
    await takeAll(workbench, language);
  } finally {
    await workbench.stop();
  }
}

async function takeAll(workbench: Workbench, { suffix, quantize, prune }: Language): Promise<void> {
  const { editor, page } = workbench;
  const shot = async (name: string) => {
    await page.mouse.move(250, 18); // nothing under the mouse, not even what has a tooltip
    await workbench.screenshot(`${name}${suffix}`, folder);
  };
  await workbench.open('transformer.onnx');
  await editor.locator('#layer-grid').waitFor();
  await workbench.command('View: Toggle Primary Side Bar Visibility');
  const row = (name: string) => editor.locator('#layer-grid [role=row]', { hasText: name }).first();
  const press = (name: string) => editor.getByRole('button', { name }).first().click();
  await row('f1').click();
  await row('f2').click({ modifiers: ['Control'] });
  await press(prune);
  await editor.locator('dialog[open] button[type=submit]:enabled').waitFor();
  await editor.locator('dialog[open] .importance figcaption').first().waitFor();
  await shot('prune');
  await page.keyboard.press('Escape');
  await press(quantize);
  await editor.locator('dialog[open] button[type=submit]:enabled').waitFor();
  await shot('quantize');
  await editor.locator('dialog[open] button[type=submit]').click();
  await editor.locator('#layer-grid .grid-row.applied').first().waitFor();
  await shot('editor');
  for (const tab of ['timeline', 'treemap', 'graph', 'compare', 'overview']) {
    await editor.locator(`#tab-${tab}`).click();
    if (tab === 'graph') {
      await editor.locator('.graph-frame canvas').waitFor();
      await editor.locator('.graph-waiting').waitFor({ state: 'detached' }); // laid out off the thread
    }
    await stillPicture(() => page.screenshot({ caret: 'hide' })); // drawn in the next frames
    await shot(tab);
  }
  await check(workbench);
  await shot('checks');
  await workbench.command('VRAM Lens: Compare with Original');
  await page.locator('.monaco-diff-editor .modified .view-line').first().waitFor();
  await workbench.command('View: Join All Editor Groups');
  await shot('diff');
  await workbench.command('VRAM Lens: Open as Text');
  await page.locator('.codelens-decoration').first().waitFor();
  await workbench.command('View: Join All Editor Groups');
  await page.keyboard.press('Control+g');
  await page.keyboard.type('58'); // between the layers that were quantized
  await page.keyboard.press('Enter');
  await page.locator('.view-line', { hasText: 'MatMul_quant' }).first().waitFor();
  await shot('text');
}

async function check(workbench: Workbench): Promise<void> {
  await workbench.command('VRAM Lens: Check Accuracy…');
  await workbench.pick('mnist-test.npz').click();
  await workbench.pick(/Use these data|使用这些数据/).click();
  await workbench.answer('1, 8, 32');
  await workbench.pick(/^cpu/i).click();
  await workbench.editor
    .getByText(/9\d\.\d\s*%/)
    .first()
    .waitFor({ timeout: 150_000 });
}
