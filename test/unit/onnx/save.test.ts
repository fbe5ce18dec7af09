/** Saving is all or nothing: whatever goes wrong, the old file is there whole, and nothing lies beside it. */
import assert from 'node:assert/strict';
import {
  chmod,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { hostname } from 'node:os';
import path from 'node:path';
import {
  openModel,
  OnnxError,
  readTensor,
  saveModel,
  type Model,
  type OnnxErrorKind,
} from '../../../src/onnx/index.ts';
import { node } from '../../support/model-builder.ts';
import { inTemporaryFolder, SAMPLE_MODEL } from '../../support/onnx-files.ts';
import { chunks, computed, withInitializer, withModel } from './saving.ts';

describe('saveModel', () => {
  it('streams what is computed, and reports progress up to 1', () =>
    withModel(async (opened, file, folder) => {
      const out = path.join(folder, 'out.onnx');
      const fractions: number[] = [];
      const large = withInitializer(
        opened,
        computed('c', 3e6, () => chunks(30, 1e5)),
      );
      await saveModel(large, out, { onProgress: ({ fraction }) => fractions.push(fraction) });
      const again = await openModel(out);
      const c = again.graph.initializers.get('c');
      assert.ok(c !== undefined && c.location.kind === 'file');
      const bytes = await readTensor(again, c);
      assert.ok(bytes.every((b, i) => b === Math.floor(i / 1e5)));
      assert.ok(fractions.length > 10 && fractions.at(-1) === 1);
      assert.ok(
        fractions.every((f, i) => f >= (fractions[i - 1] ?? 0) && f <= 1),
        fractions.join(),
      );
      await again.source.close();
      assert.ok((await stat(file)).size < 20000);
    }));

  it('overwrites the source, and goes on from the same opened model', () =>
    withModel(async (opened, file) => {
      for (const producerName of ['first', 'second']) {
        await saveModel({ ...opened, producerName }, file);
        const again = await openModel(file);
        assert.equal(again.producerName, producerName);
        await again.source.close();
      }
      const w = opened.graph.initializers.get('w');
      assert.equal(w && (await readTensor(opened, w)).length, 64 * 64 * 4);
    }));

  it('keeps the permissions of the file it replaces', () =>
    withModel(async (opened, file) => {
      await chmod(file, 0o640);
      await saveModel({ ...opened, producerName: 'p' }, file);
      assert.equal((await stat(file)).mode & 0o777, 0o640);
    }));

  it('leaves a read-only file as it is, also behind a link', () =>
    withModel(async (opened, file, folder) => {
      await chmod(file, 0o444);
      const link = `${file}.link.onnx`;
      await symlink(file, link);
      const before = await readdir(folder);
      for (const target of [file, link])
        await assert.rejects(saveModel({ ...opened, producerName: 'p' }, target), /read-only: save under/);
      assert.equal((await stat(file)).size, opened.source.file.sizeBytes);
      assert.deepEqual(await readdir(folder), before);
    }));

  it('replaces the file that a link leads to, and keeps the link', () =>
    withModel(async (opened, _, folder) => {
      await mkdir(path.join(folder, 'real'));
      await writeFile(path.join(folder, 'real/target.onnx'), 'old');
      const linkPath = path.join(folder, 'link.onnx');
      await symlink('real/target.onnx', linkPath);
      await saveModel(opened, linkPath);
      assert.ok((await lstat(linkPath)).isSymbolicLink());
      assert.deepEqual(await readdir(path.join(folder, 'real')), ['target.onnx']);
      assert.equal((await stat(path.join(folder, 'real/target.onnx'))).size, opened.source.file.sizeBytes);
    }));
});

describe('a save that fails', () => {
  const out = 'out.onnx';
  const cases: [
    string,
    (m: Model, folder: string) => Promise<void>,
    OnnxErrorKind | 'AbortError' | 'Error',
    RegExp,
  ][] = [
    [
      'a stream that ends early',
      (m, folder) =>
        saveModel(
          withInitializer(
            m,
            computed('c', 3e6, () => chunks(29, 1e5)),
          ),
          path.join(folder, out),
        ),
      'malformed',
      /"c" has 2900000 of the 3000000 bytes/,
    ],
    [
      'a stream that is too long',
      (m, folder) =>
        saveModel(
          withInitializer(
            m,
            computed('c', 3e6, () => chunks(31, 1e5)),
          ),
          path.join(folder, out),
        ),
      'malformed',
      /"c" has more than/,
    ],
    [
      'a stream that fails',
      (m, folder) => saveModel(withInitializer(m, computed('c', 3e6, failing)), path.join(folder, out)),
      'Error',
      /the kernel failed/,
    ],
    [
      'abort before it begins',
      (m, folder) => saveModel(m, path.join(folder, out), { signal: AbortSignal.abort() }),
      'AbortError',
      /abort/,
    ],
    ['abort on the way', (m, folder) => abortedHalfway(m, path.join(folder, out)), 'AbortError', /abort/],
    [
      'a disk that is full',
      (m, folder) =>
        onFullDisk(() =>
          saveModel(
            withInitializer(
              m,
              computed('c', 3e6, () => chunks(30, 1e5)),
            ),
            path.join(folder, out),
          ),
        ),
      'io',
      /cannot write the file: the disk is full.*out\.onnx/,
    ],
    [
      'a folder in its place',
      async (m, folder) => {
        await mkdir(path.join(folder, 'folder.onnx'));
        try {
          await saveModel(m, path.join(folder, 'folder.onnx'));
        } finally {
          await rm(path.join(folder, 'folder.onnx'), { recursive: true });
        }
      },
      'io',
      /folder/,
    ],
    [
      'too much for one file',
      (m, folder) =>
        saveModel(
          withInitializer(
            m,
            computed('c', 2 ** 31, () => chunks(1, 1)),
          ),
          path.join(folder, out),
          { externalData: 'inline' },
        ),
      'limit',
      /2 GiB/,
    ],
  ];

  for (const existing of [undefined, 'an old file']) {
    for (const [what, save, kind, message] of cases) {
      it(`leaves ${existing === undefined ? 'nothing' : 'the old file'}: ${what}`, () =>
        withModel(async (opened, _, folder) => {
          if (existing !== undefined) await writeFile(path.join(folder, out), existing);
          const error: unknown = await save(opened, folder).then(
            () => new Error('it was saved'),
            (reason: unknown) => reason,
          );
          assert.ok(error instanceof Error);
          assert.match(error.message, message);
          assert.equal(error instanceof OnnxError ? error.kind : error.name, kind);
          assert.deepEqual(
            (await readdir(folder)).sort(),
            existing === undefined ? ['m.onnx'] : ['m.onnx', out],
          );
          if (existing !== undefined) assert.equal(await readFile(path.join(folder, out), 'utf8'), existing);
        }));
    }
  }
});

describe('a disk of 2 MB', () => {
  it('that has no room for the model keeps the old one', () =>
    withModel(async (opened, _, folder) => {
      const disk = path.join(folder, 'disk');
      await mkdir(disk);
      // mounting takes root; elsewhere the error is made up, which the table above does too
      const isMounted = mount(disk);
      try {
        const out = path.join(disk, 'out.onnx');
        await saveModel(opened, out);
        const before = await readFile(out);
        const large = withInitializer(
          opened,
          computed('c', 3e6, () => chunks(30, 1e5)),
        );
        const save = () => saveModel(large, out);
        const error: unknown = await (isMounted ? save() : onFullDisk(save)).catch((e: unknown) => e);
        assert.ok(error instanceof OnnxError && error.kind === 'io', String(error));
        assert.match(error.message, /the disk is full/);
        assert.deepEqual(await readdir(disk), ['out.onnx']);
        assert.deepEqual(await readFile(out), before);
      } finally {
        if (isMounted) execFileSync('umount', [disk]);
      }
    }));
});

describe('a source that changed since it was opened', () => {
  const changes: [string, (file: string) => Promise<void>][] = [
    [
      'written to',
      async (file) => writeFile(file, Buffer.concat([await readFile(file), Buffer.from([0xf8, 0x3e, 1])])),
    ],
    ['touched, with the same size', (file) => utimes(file, 1, 1)],
    [
      'replaced',
      async (file) => {
        await writeFile(`${file}.new`, await readFile(file));
        await rename(`${file}.new`, file);
      },
    ],
    ['deleted', (file) => rm(file)],
  ];
  for (const [what, change] of changes) {
    it(`is never overwritten: ${what}`, () =>
      withModel(async (opened, file, folder) => {
        await change(file);
        const before = await readFile(file).catch(() => undefined);
        for (const target of [file, path.join(folder, 'out.onnx')]) {
          const error: unknown = await saveModel({ ...opened, producerName: 'x' }, target).catch(
            (e: unknown) => e,
          );
          assert.ok(error instanceof OnnxError && error.kind === 'changed', String(error));
        }
        assert.deepEqual(await readFile(file).catch(() => undefined), before);
        assert.ok(!(await readdir(folder)).includes('out.onnx'));
      }));
  }

  it('is noticed where it happens during the save', () =>
    withModel(async (opened, file, folder) => {
      const changing = computed('c', 1, () => touchThenYield(file));
      const error: unknown = await saveModel(
        withInitializer(opened, changing),
        path.join(folder, 'out.onnx'),
      ).catch((e: unknown) => e);
      assert.ok(error instanceof OnnxError && error.kind === 'changed', String(error));
      assert.deepEqual(await readdir(folder), ['m.onnx']);
    }));
});

describe('what a killed save left', () => {
  const host = Buffer.from(hostname()).toString('hex').slice(0, 16);
  const names = {
    dead: `.vram-lens-${host}-999999999-1-0123456789ab.tmp`,
    alive: `.vram-lens-${host}-1-1-0123456789ab.tmp`,
    elsewhere: `.vram-lens-00-999999999-1-0123456789ab.tmp`,
    ours: `.vram-lens-${host}-${process.pid}-1-0123456789ab.tmp`,
    other: '.vram-lens-notes.tmp',
  };
  for (const [what, next] of [
    ['the next save', (m: Model, file: string) => saveModel({ ...m, producerName: 'x' }, file)],
    ['the next opening', async (_: Model, file: string) => (await openModel(file)).source.close()],
  ] as const) {
    it(`is cleared away by ${what}, and nothing else`, () =>
      withModel(async (opened, file, folder) => {
        for (const name of Object.values(names)) await writeFile(path.join(folder, name), 'left');
        await next(opened, file);
        const left = (await readdir(folder)).sort();
        assert.deepEqual(left, [names.elsewhere, names.alive, names.other, 'm.onnx'].sort());
      }));
  }
});

describe('a real model', () => {
  it('runs in ONNX Runtime after an edit, with the same result', async function () {
    this.timeout(60_000);
    const { InferenceSession, Tensor } = await import('onnxruntime-node');
    await inTemporaryFolder(async (folder) => {
      const file = path.join(folder, 'edited.onnx');
      const opened = await openModel(SAMPLE_MODEL);
      const identity = node('Identity', ['logits'], ['result']);
      const outputs = opened.graph.outputs.map((o) => ({ ...o, name: 'result', range: undefined }));
      const g = { ...opened.graph, nodes: [...opened.graph.nodes, identity], outputs, range: undefined };
      const edited = { ...opened, graph: g, range: undefined };
      const input = new Tensor(
        'float32',
        Float32Array.from({ length: 784 }, (_, i) => (i % 29) / 29),
        [1, 1, 28, 28],
      );
      const run = async (path: string) => {
        const session = await InferenceSession.create(path);
        const results = await session.run({ input });
        const [result] = Object.values(results);
        assert.ok(result);
        return [...(result.data as Float32Array)];
      };
      const expected = await run(SAMPLE_MODEL);
      for (const externalData of ['auto', 'always'] as const) {
        await saveModel(edited, file, { externalData });
        assert.deepEqual(await run(file), expected);
      }
      await opened.source.close();
    });
  });
});

async function* failing(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(1e6);
  await Promise.reject(new Error('the kernel failed'));
}

async function* touchThenYield(file: string): AsyncGenerator<Uint8Array> {
  await utimes(file, 1, 1);
  yield new Uint8Array(1);
}

async function abortedHalfway(m: Model, file: string): Promise<void> {
  const abort = new AbortController();
  await saveModel(
    withInitializer(
      m,
      computed('c', 3e6, () => chunks(30, 1e5)),
    ),
    file,
    {
      signal: abort.signal,
      onProgress: ({ fraction }) => {
        if (fraction > 0.5) abort.abort();
      },
    },
  );
}

/** Puts a file system of 2 MB on the folder; false where the system does not let us. */
function mount(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Lets writes of this process fail as on a full disk after the first megabyte. */
async function onFullDisk(action: () => Promise<void>): Promise<void> {
  const probe = await open(SAMPLE_MODEL);
  const prototype = Object.getPrototypeOf(probe) as {
    write: (...args: unknown[]) => Promise<{ bytesWritten: number }>;
  };
  await probe.close();
  const { write } = prototype;
  let written = 0;
  prototype.write = async function (...args) {
    if (written > 1e6)
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const result = await write.apply(this, args);
    written += result.bytesWritten;
    return result;
  };
  try {
    await action();
  } finally {
    prototype.write = write;
  }
}
