/** External data: read, and refused where they lead out of the model's folder. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { link, mkdir, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  DataType,
  externalChecksums,
  memorySource,
  openModel,
  readTensor,
  streamTensor,
  type TensorRef,
} from '../../../src/onnx/index.ts';
import { collect, floats, graph, model, node, value } from '../../support/model-builder.ts';
import { inTemporaryFolder } from '../../support/onnx-files.ts';
import { DATA, encodeAsIs, failure, weight, writeModel } from './external-models.ts';

describe('external data', () => {
  it('are read where they are wanted; the small ones on opening', () =>
    inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'm.onnx');
      await writeModel(file, 'weights/w.bin');
      await mkdir(path.join(folder, 'weights'));
      await writeFile(path.join(folder, 'weights/w.bin'), DATA);
      const opened = await openModel(file);
      const axes = opened.graph.initializers.get('axes');
      assert.deepEqual(axes?.smallData, new Uint8Array(DATA.subarray(8192, 8200)));
      const w = weight(opened);
      assert.equal(w.smallData?.length, 4096);
      const streamed = await collect(
        streamTensor(opened, { ...w, smallData: undefined }, { chunkBytes: 100 }),
      );
      assert.deepEqual(streamed, new Uint8Array(DATA.subarray(4096, 8192)));
      await opened.source.close();
    }));

  it('stay open for threads, but not thousands of files', () =>
    inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'm.onnx');
      await writeModel(file, 'w.bin');
      const names = Array.from({ length: 100 }, (_, i) => `${i}.bin`);
      await Promise.all(['w.bin', ...names].map((name) => writeFile(path.join(folder, name), DATA)));
      const opened = await openModel(file);
      const sources = await Promise.all(names.map((name) => opened.source.openExternal(name)));
      const descriptors: (number | undefined)[] = [];
      for (const source of sources) descriptors.push(await source.openDescriptor?.());
      const open = descriptors.filter((d) => d !== undefined);
      assert.ok(open.length > 10 && open.length < 100, `${open.length} are open`);
      // while all others come and go
      for (const source of sources) assert.deepEqual(await source.read(4096, 10), DATA.subarray(4096, 4106));
      const bytes = new Uint8Array(10);
      readSync(open[0] ?? -1, bytes, 0, 10, 4096);
      assert.deepEqual(bytes, DATA.subarray(4096, 4106));
      assert.equal(await sources[0]?.openDescriptor?.(), descriptors[0]);
      await opened.source.close();
      assert.throws(() => readSync(open[0] ?? -1, bytes, 0, 10, 4096), /EBADF/);
    }));

  it('that are missing are named with the place where they belong, unless one only looks', () =>
    inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'm.onnx');
      await writeModel(file, 'w.bin');
      const expected = path.join(folder, 'w.bin');
      const error = await failure(openModel(file));
      assert.equal(error.kind, 'external-data');
      assert.ok(error.message.includes(`"w.bin" are missing: expected at ${expected}`), error.message);
      const opened = await openModel(file, { allowMissingExternalData: true });
      assert.deepEqual(
        opened.warnings.map((w) => w.kind),
        ['external-data-missing'],
      );
      assert.equal(opened.graph.nodes.length, 2);
      assert.equal((await failure(readTensor(opened, weight(opened)))).kind, 'external-data');
      await opened.source.close();
    }));

  it('that are too short are refused, and accepted at full length', () =>
    inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'm.onnx');
      await writeModel(file, 'w.bin');
      await writeFile(path.join(folder, 'w.bin'), DATA);
      await truncate(path.join(folder, 'w.bin'), 8199);
      const error = await failure(openModel(file));
      assert.match(error.message, /1 bytes too short/);
      await writeFile(path.join(folder, 'w.bin'), DATA.subarray(0, 8200));
      await (await openModel(file)).source.close();
    }));

  it('that do not fit the shape are warned of, and refused when they are read', () =>
    inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'm.onnx');
      await writeModel(file, 'w.bin', 0, 4092);
      await writeFile(path.join(folder, 'w.bin'), DATA);
      const opened = await openModel(file);
      assert.deepEqual(
        opened.warnings.map((w) => w.kind),
        ['tensor-length'],
      );
      assert.equal((await failure(readTensor(opened, weight(opened)))).kind, 'malformed');
      await opened.source.close();
    }));

  it('of a model in memory need a way to them', async () => {
    const w = {
      ...floats('w', [2000]),
      smallData: undefined,
      location: { kind: 'external', path: 'w.bin', offset: 0, length: 8000 },
    } as const;
    const bytes = await encodeAsIs(model(graph({ nodes: [], initializers: [w] })));
    const error = await failure(openModel(memorySource('m.onnx', bytes)));
    assert.match(error.message, /not in a folder of this computer/);
    const asked: string[] = [];
    const opened = await openModel(memorySource('m.onnx', bytes), {
      openExternal: (name) => {
        asked.push(name);
        return Promise.resolve(memorySource(name, DATA));
      },
    });
    assert.deepEqual(await readTensor(opened, weight(opened)), new Uint8Array(DATA.subarray(0, 8000)));
    assert.deepEqual(asked, ['w.bin']);
  });

  it('are compared with their checksums, of which the model may give several', () =>
    inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'm.onnx');
      const sha1 = createHash('sha1').update(DATA).digest('hex');
      const w = (name: string, checksum: string | undefined): TensorRef => ({
        name,
        dataType: DataType.float,
        dims: [1024],
        location: { kind: 'external', path: 'w.bin', offset: 0, length: 4096, checksum },
      });
      const save = async (initializers: readonly TensorRef[]) => {
        const g = graph({ nodes: [node('Add', ['a', 'b'], ['y'])], outputs: [value('y')], initializers });
        await writeFile(file, await encodeAsIs(model(g, { opset: 17 })));
        const opened = await openModel(file);
        const fractions: number[] = [];
        const onProgress = ({ fraction }: { fraction: number }) => fractions.push(fraction);
        const found = await externalChecksums(opened, { onProgress });
        await opened.source.close();
        return { found, last: fractions.at(-1) };
      };
      await writeFile(path.join(folder, 'w.bin'), DATA);
      assert.deepEqual(await save([w('a', sha1.toUpperCase()), w('b', sha1)]), {
        found: [{ path: 'w.bin', expected: [sha1], actual: sha1, ok: true }],
        last: 1,
      });
      const { found } = await save([w('a', sha1), w('b', 'ab12')]);
      assert.deepEqual(found, [{ path: 'w.bin', expected: [sha1, 'ab12'], actual: sha1, ok: false }]);
      assert.deepEqual((await save([w('a', undefined), w('b', undefined)])).found, []);
    }));

  it('in more files than may be open at once are all read', () =>
    inTemporaryFolder(async (folder) => {
      const names = Array.from({ length: 200 }, (_, i) => `w${i}.bin`);
      const tensors = names.map((name, i) => ({
        name: `w${i}`,
        dataType: DataType.uint8,
        dims: [5000],
        location: { kind: 'external', path: name, offset: 0, length: 5000 } as const,
      }));
      await Promise.all(
        names.map((name, i) => writeFile(path.join(folder, name), new Uint8Array(5000).fill(i))),
      );
      const file = path.join(folder, 'm.onnx');
      await writeFile(file, await encodeAsIs(model(graph({ nodes: [], initializers: tensors }))));
      const opened = await openModel(file);
      const all = await Promise.all(
        [...opened.graph.initializers.values()].map((t) => readTensor(opened, t)),
      );
      assert.ok(all.every((bytes, i) => bytes.length === 5000 && bytes.every((b) => b === i % 256)));
      const open = (await readdir('/proc/self/fd')).length;
      assert.ok(open < 64 + 60, `${open} files are open`);
      await opened.source.close();
    }));
});

describe('external data that lead out of the folder', () => {
  const paths: [string, string, RegExp][] = [
    ['..', '../secret.bin', /leads out of the folder/],
    ['.. further in', 'a/../../secret.bin', /leads out of the folder/],
    ['.. as Windows has it', 'a\\..\\..\\secret.bin', /leads out of the folder/],
    ['an absolute path', '/etc/passwd', /absolute/],
    ['a drive', 'C:\\secret.bin', /absolute/],
    ['a share', '\\\\server\\share\\secret.bin', /absolute/],
    ['no name', '', /no file name/],
    ['a NUL', 'a\0b', /no file name/],
  ];
  for (const [what, location, message] of paths) {
    it(`are refused: ${what}`, () =>
      inTemporaryFolder(async (folder) => {
        await writeFile(path.join(folder, 'secret.bin'), DATA);
        const file = path.join(folder, 'models/m.onnx');
        await writeModel(file, location);
        const error = await failure(openModel(file));
        assert.equal(error.kind, 'external-data');
        assert.match(error.message, message);
        // nor is whoever opens files elsewhere asked for such a name
        const openExternal = () => Promise.reject(new Error('asked'));
        const looking = await openModel(file, { allowMissingExternalData: true, openExternal });
        assert.equal((await failure(readTensor(looking, weight(looking)))).kind, 'external-data');
        await looking.source.close();
      }));
  }

  const links: [string, (folder: string) => Promise<void>, RegExp | undefined][] = [
    [
      'a symbolic link out',
      (f) => symlink('../secret.bin', path.join(f, 'w.bin')),
      /symbolic link leads out/,
    ],
    [
      'a folder that is a symbolic link out',
      async (f) => {
        await mkdir(path.join(f, '../elsewhere'));
        await writeFile(path.join(f, '../elsewhere/w.bin'), DATA);
        await symlink('../elsewhere', path.join(f, 'sub'));
        await writeModel(path.join(f, 'm.onnx'), 'sub/w.bin');
      },
      /symbolic link leads out/,
    ],
    ['a hard link', (f) => link(path.join(f, '../secret.bin'), path.join(f, 'w.bin')), /hard links/],
    ['a device', (f) => symlink('/dev/zero', path.join(f, 'w.bin')), /symbolic link leads out/],
    [
      'a pipe',
      (f) => Promise.resolve(void execFileSync('mkfifo', [path.join(f, 'w.bin')])),
      /device or pipe/,
    ],
    ['a folder', (f) => mkdir(path.join(f, 'w.bin')).then(() => undefined), /this is a folder/],
    [
      'a symbolic link inside (accepted)',
      async (f) => {
        await writeFile(path.join(f, 'real.bin'), DATA);
        await symlink('real.bin', path.join(f, 'w.bin'));
      },
      undefined,
    ],
    ['a file (accepted)', (f) => writeFile(path.join(f, 'w.bin'), DATA), undefined],
  ];
  for (const [what, prepare, message] of links) {
    it(`are refused: ${what}`.replace('refused: a file (accepted)', 'accepted: a file'), () =>
      inTemporaryFolder(async (folder) => {
        await writeFile(path.join(folder, 'secret.bin'), DATA);
        const models = path.join(folder, 'models');
        const file = path.join(models, 'm.onnx');
        await writeModel(file, 'w.bin');
        await prepare(models);
        if (message === undefined) {
          const opened = await openModel(file);
          assert.equal((await readTensor(opened, weight(opened))).length, 4096);
          await opened.source.close();
        } else assert.match((await failure(openModel(file))).message, message);
      }),
    );
  }

  it('are accepted beside the real file of a model that is a link, as in the cache of the Hugging Face hub', () =>
    inTemporaryFolder(async (folder) => {
      await writeModel(path.join(folder, 'blobs/1a2b'), 'model.onnx_data');
      await writeFile(path.join(folder, 'blobs/3c4d'), DATA);
      const snapshot = path.join(folder, 'snapshots/main');
      await mkdir(snapshot, { recursive: true });
      await symlink('../../blobs/1a2b', path.join(snapshot, 'model.onnx'));
      await symlink('../../blobs/3c4d', path.join(snapshot, 'model.onnx_data'));
      const opened = await openModel(path.join(snapshot, 'model.onnx'));
      assert.equal((await readTensor(opened, weight(opened))).length, 4096);
      await opened.source.close();
    }));

  it('are refused where a link is put in the place of the file after opening', () =>
    inTemporaryFolder(async (folder) => {
      const models = path.join(folder, 'models');
      const file = path.join(models, 'm.onnx');
      await writeModel(file, 'w.bin');
      await writeFile(path.join(models, 'w.bin'), DATA);
      await writeFile(
        path.join(folder, 'secret.bin'),
        DATA.map((b) => b ^ 255),
      );
      const opened = await openModel(file);
      await opened.source.close();
      await rm(path.join(models, 'w.bin'));
      await symlink('../secret.bin', path.join(models, 'w.bin'));
      const error = await failure(readTensor(opened, { ...weight(opened), smallData: undefined }));
      assert.ok(['io', 'external-data'].includes(error.kind), error.message);
    }));
});
