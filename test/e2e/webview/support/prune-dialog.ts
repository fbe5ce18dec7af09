import type { Locator } from 'playwright-core';
import type { Editor } from './harness.ts';

/** The dialog of one layer, once it says what it would do. */
export async function openPrune({ page, row }: Editor, name: string): Promise<Locator> {
  await row(name).click();
  await page.locator('.selection-tools').getByRole('button', { name: 'Prune…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Prune weights' });
  await dialog.locator('.preview-figures').waitFor();
  return dialog;
}
