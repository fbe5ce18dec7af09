/** Carries out a plan: all files complete under temporary names, then renamed, the model's own file last. */
import { mkdir, open, rename, stat, unlink } from 'node:fs/promises';
import nodePath from 'node:path';
import { OnnxError } from '../errors.ts';
import { refuseChanged } from '../files/stamps.ts';
import { TemporaryFile } from '../files/temporary.ts';
import type { ByteSource } from '../source.ts';
import { ropeChunks } from './chunks.ts';
import {
  abortable,
  cloneFile,
  partsToWrite,
  templateFor,
  type Clone,
  type Part,
  type Template,
} from './clone.ts';
import type { FileToWrite, SavePlan } from './plan.ts';
import { ProgressReport, type OnProgress } from './progress.ts';

export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** The system's, but for tests. */
  readonly clone?: Clone | undefined;
}

export async function writeFiles(plan: SavePlan, options: WriteOptions): Promise<void> {
  const progress = new ProgressReport(plan.files, options.onProgress);
  const temporary: TemporaryFile[] = [];
  const renamed: string[] = [];
  try {
    for (const file of plan.files) {
      await mkdir(nodePath.dirname(file.path), { recursive: true });
      const template = templateFor(file.rope);
      const temp = await createTemporary(file, template, progress, options);
      temporary.push(temp);
      await keepPermissions(temp, file.path);
      for (const part of partsToWrite(file.rope, temp.isFilled ? template?.source : undefined)) {
        await writePart(plan, part, temp, progress, options.signal);
      }
      await temp.handle.truncate(file.rope.length);
      await temp.complete();
    }
    for (const source of sourcesOf(plan)) await refuseChanged(source);
    options.signal?.throwIfAborted();
    for (const [i, file] of plan.files.entries()) {
      await rename(temporary[i]?.path ?? '', file.path);
      renamed.push(file.path);
    }
    await syncFolders(plan.files);
    progress.done();
  } catch (error) {
    await Promise.all(temporary.map((temp) => temp.discard()));
    // data files without the model that needs them; their names were free before
    if (renamed.length < plan.files.length) {
      await Promise.all(renamed.map((path) => unlink(path).catch(() => undefined)));
    }
    throw error;
  }
}

function createTemporary(
  { path }: FileToWrite,
  template: Template | undefined,
  progress: ProgressReport,
  { clone = cloneFile, signal }: WriteOptions,
): Promise<TemporaryFile> {
  const folder = nodePath.dirname(path);
  if (template === undefined) return TemporaryFile.create(folder);
  return TemporaryFile.create(folder, (to) => {
    const copying = abortable(clone(template.path, to, template.isMostOfIt), to, signal);
    return progress.watch(to, template.sharedBytes, copying);
  });
}

/** One chunk is being written while the next one is read. */
async function writePart(
  plan: SavePlan,
  { offset, rope }: Part,
  temp: TemporaryFile,
  progress: ProgressReport,
  signal: AbortSignal | undefined,
): Promise<void> {
  let at = offset;
  let writing: Promise<void> = Promise.resolve();
  try {
    for await (const chunk of ropeChunks(plan.model, rope, { signal, reuseBuffers: true })) {
      await writing;
      progress.add(chunk.length);
      writing = writeFully(temp, chunk, at);
      at += chunk.length;
      // a failure is met at the next chunk
      writing.catch(() => undefined);
    }
  } finally {
    await writing;
  }
}

async function writeFully(temp: TemporaryFile, chunk: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    done += (await temp.handle.write(chunk, done, chunk.length - done, offset + done)).bytesWritten;
  }
  temp.wrote(chunk.length);
}

/** Permissions and, as far as the system lets us, owner of the file that is replaced. */
async function keepPermissions(temp: TemporaryFile, path: string): Promise<void> {
  const old = await stat(path).catch(() => undefined);
  if (old === undefined) return;
  if (old.isDirectory()) throw new OnnxError('io', 'this is a folder, not a file', { file: path });
  if (!old.isFile()) throw new OnnxError('io', 'this is a device or pipe, not a file', { file: path });
  // a rename would replace it all the same
  if ((old.mode & 0o222) === 0)
    throw new OnnxError('io', 'this file is read-only: save under another name, or make it writable', {
      file: path,
    });
  await temp.handle.chown(old.uid, old.gid).catch(() => undefined);
  await temp.handle.chmod(old.mode & 0o7777);
}

function sourcesOf(plan: SavePlan): Set<ByteSource> {
  const sources = new Set([plan.model.source.file]);
  for (const { rope } of plan.files) {
    for (const piece of rope.pieces) if (piece.kind === 'copy') sources.add(piece.source);
  }
  return sources;
}

/** The renames themselves reach the disk; not every system can do it. */
async function syncFolders(files: readonly FileToWrite[]): Promise<void> {
  for (const folder of new Set(files.map(({ path }) => nodePath.dirname(path)))) {
    const handle = await open(folder, 'r').catch(() => undefined);
    await handle?.sync().catch(() => undefined);
    await handle?.close();
  }
}
