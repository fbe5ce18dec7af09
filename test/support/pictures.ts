/**
 * Pictures of the page beside those that are kept in `test/fixtures/pictures`. `UPDATE_PICTURES=1` keeps the new ones, once
 * they were looked at. They hold text, so they are compared only where text looks as on the machine they were made on.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import pixelmatch from 'pixelmatch';
import { PNG } from 'pngjs';
import { projectRoot } from './vscode-setup.ts';

const kept = path.join(projectRoot, 'test/fixtures/pictures');
const made = path.join(projectRoot, '.cache/pictures');
const font = 'DejaVu Sans';
/** Of all pixels: text of another version of the browser is smoothed otherwise, a box elsewhere is far more. */
const mostShare = 0.004;

export function looksLikeHome(): boolean {
  const { stdout } = spawnSync('fc-match', ['--format=%{family}', 'sans-serif'], { encoding: 'utf8' });
  return stdout === font;
}

/** What is to be seen once it changes no more: two pictures in a row are the same. */
export async function stillPicture(take: () => Promise<Buffer>): Promise<Buffer> {
  let last = await take();
  for (;;) {
    const next = await take();
    if (next.equals(last)) return next;
    last = next;
  }
}

/** @throws AssertionError that names the new picture and that of the differences */
export async function assertPicture(name: string, bytes: Buffer): Promise<void> {
  const file = path.join(kept, `${name}.png`);
  if (process.env['UPDATE_PICTURES'] !== undefined) {
    await mkdir(kept, { recursive: true });
    await writeFile(file, bytes);
    return;
  }
  assert.ok(existsSync(file), `${file} is kept: UPDATE_PICTURES=1 makes it`);
  const [was, is] = [PNG.sync.read(await readFile(file)), PNG.sync.read(bytes)];
  const { width, height } = was;
  assert.deepEqual([is.width, is.height], [width, height]);
  const difference = new PNG({ width, height });
  const pixels = pixelmatch(was.data, is.data, difference.data, width, height);
  const share = pixels / (width * height);
  if (share <= mostShare) return;
  await mkdir(made, { recursive: true });
  const [now, where] = [path.join(made, `${name}.png`), path.join(made, `${name}-difference.png`)];
  await writeFile(now, bytes);
  await writeFile(where, PNG.sync.write(difference));
  assert.fail(`${name}: ${(100 * share).toFixed(2)} % of the pixels differ; see ${now} and ${where}`);
}
