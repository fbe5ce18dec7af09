import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { dataSpecOf } from '../../../src/runtime/index.ts';

describe('dataSpecOf', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-data-'));
    for (const below of ['images', 'plain', 'texts', 'empty']) await mkdir(path.join(folder, below));
    for (const name of ['a.npz', 'images/1.png', 'plain/t.csv', 'texts/t.csv', 'texts/tokenizer.json'])
      await writeFile(path.join(folder, name), '');
  });
  after(() => rm(folder, { recursive: true }));

  const at = (name: string): string => path.join(folder, name);
  const cases: readonly { name: string; model: string; kind: string; tokenizer?: string }[] = [
    { name: 'a.npz', model: 'plain', kind: 'numpy' },
    { name: 'images', model: 'plain', kind: 'images' },
    { name: 'plain/t.csv', model: 'plain', kind: 'table' },
    { name: 'texts/t.csv', model: 'plain', kind: 'text', tokenizer: 'texts/tokenizer.json' },
    // the tokenizer lies beside the model
    { name: 'plain/t.csv', model: 'texts', kind: 'text', tokenizer: 'texts/tokenizer.json' },
  ];
  for (const { name, model, kind, tokenizer } of cases) {
    it(`takes ${name} of a model in ${model} as ${kind}`, async () => {
      const expected = { kind, path: at(name), limit: 7 };
      assert.deepEqual(
        await dataSpecOf(at(name), 7, at(model)),
        tokenizer === undefined ? expected : { ...expected, tokenizer: at(tokenizer) },
      );
    });
  }

  it('names a folder in which it knows nothing', async () => {
    await assert.rejects(dataSpecOf(at('empty'), 7, folder), /empty holds no image/);
  });
});
