import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { putInPlace, removeLeftovers } from '../../support/folders.ts';

describe('folders of the tests', () => {
  let root: string;
  let place: string;
  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'vram-lens-folders-'));
    place = path.join(root, 'server');
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  async function made(name: string, content: string): Promise<string> {
    const folder = path.join(root, name);
    await mkdir(folder);
    await writeFile(path.join(folder, 'ready'), content);
    return folder;
  }
  const content = () => readFile(path.join(place, 'ready'), 'utf8');
  const nothing = () => false;

  it('come into a place that is free, or that one of another version has', async () => {
    putInPlace(await made('a.tmp', 'first'), place, nothing);
    assert.equal(await content(), 'first');
    putInPlace(await made('b.tmp', 'second'), place, nothing);
    assert.equal(await content(), 'second');
    assert.deepEqual(await readdir(root), ['server']);
  });

  it('leave alone what another process has put there meanwhile', async () => {
    putInPlace(await made('a.tmp', 'first'), place, nothing);
    putInPlace(await made('b.tmp', 'second'), place, () => existsSync(path.join(place, 'ready')));
    assert.equal(await content(), 'first');
    assert.deepEqual(await readdir(root), ['server']);
  });

  it('come from several processes at once: one of them stays, whole, and none fails', async () => {
    const script = `
      import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
      import { putInPlace } from ${JSON.stringify(path.resolve(import.meta.dirname, '../../support/folders.ts'))};
      const [made, place, start] = process.argv.slice(1);
      mkdirSync(made);
      for (const f of ['ready', 'other']) writeFileSync(made + '/' + f, made);
      while (Date.now() < Number(start));
      putInPlace(made, place, () => existsSync(place + '/ready'));`;
    const start = String(Date.now() + 3000);
    const ends = Array.from({ length: 4 }, (_, i) => {
      const args = ['--import=tsx', '--input-type=module', '-e', script];
      const child = spawn(process.execPath, [...args, path.join(root, `${i}.tmp`), place, start], {
        stdio: 'inherit',
      });
      return new Promise((resolve) => child.once('exit', resolve));
    });
    assert.deepEqual(await Promise.all(ends), [0, 0, 0, 0]);
    assert.equal(await content(), await readFile(path.join(place, 'other'), 'utf8'));
    assert.deepEqual(await readdir(root), ['server']);
  });

  it('are removed where they were left a day ago', async () => {
    const old = await made('test-bundles-old', '');
    const others = [await made('test-bundles-new', ''), await made('pictures', '')];
    const yesterday = new Date(Date.now() - 25 * 60 * 60 * 1000);
    for (const folder of [old, ...others.slice(1)]) await utimes(folder, yesterday, yesterday);
    removeLeftovers(root, /^test-bundles-/);
    assert.deepEqual(await readdir(root), ['pictures', 'test-bundles-new']);
    removeLeftovers(path.join(root, 'nowhere'), /./);
  });
});
