/** What the views look like, in a light and a dark theme. */
import { learnInt8Overflows, thisMachine } from '../../../src/machine.ts';
import { assertPicture, looksLikeHome, stillPicture } from '../../support/pictures.ts';
import { transformerHost, withEditor } from './support/harness.ts';

const tabs = ['timeline', 'treemap', 'graph', 'compare', 'overview'] as const;

describe('webview: pictures', () => {
  const { int8Overflows } = thisMachine();

  before(function () {
    if (!looksLikeHome()) this.skip();
    // the same on any machine, and with more to say
    learnInt8Overflows(true);
  });
  after(() => {
    if (int8Overflows !== undefined) learnInt8Overflows(int8Overflows);
  });

  for (const theme of ['light', 'dark'] as const) {
    it(`are as they were in a ${theme} theme`, async () => {
      const host = await transformerHost();
      await host.setDims({ batch: 8 });
      await withEditor(host, { theme }, async ({ page, tab, row }) => {
        const picture = async (name: string): Promise<void> => {
          await page.mouse.move(640, 4); // nothing under the mouse
          await page.locator('.fit-largest').waitFor();
          await page.locator('.later-runs').waitFor(); // the last figure to come
          const bytes = await stillPicture(() => page.screenshot({ animations: 'disabled', caret: 'hide' }));
          await assertPicture(`${name}-${theme}`, bytes);
        };
        await row('f1').click();
        await row('f2').click({ modifiers: ['Control'] });
        const ready = page.locator('dialog[open] button[type=submit]:enabled');
        for (const dialog of ['Prune…', 'Quantize…']) {
          await page.getByRole('button', { name: dialog }).first().click();
          await ready.waitFor();
          await page.waitForLoadState('networkidle');
          await picture(dialog.slice(0, -1).toLowerCase());
          if (dialog === 'Prune…') await page.keyboard.press('Escape');
        }
        await ready.click();
        await page.locator('.grid-row.applied').first().waitFor();
        await picture('layers');
        for (const name of tabs) {
          await tab(name);
          if (name === 'graph') {
            await page.locator('.graph-frame canvas').waitFor();
            await page.locator('.graph-waiting').waitFor({ state: 'detached' }); // laid out in a worker
          }
          await picture(name);
        }
      });
    });
  }
});
