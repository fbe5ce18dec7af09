/** What the tests of the graph share. */
import type { Locator, Page } from 'playwright-core';
import type { Editor } from './harness.ts';

export const graphView = '.graph-view';

export async function openGraph({ page, tab, rows }: Pick<Editor, 'page' | 'tab' | 'rows'>): Promise<void> {
  await rows.first().waitFor();
  await tab('graph');
  await page.locator('.graph-waiting').waitFor({ state: 'detached' });
}

/** What a screen reader is told. */
export const spoken = (page: Page): Locator => page.locator(`${graphView} [role=status]`);
