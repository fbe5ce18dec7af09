/**
 * A model's way to its external data. The names come from the file, so they are not trusted: ONNX had a CVE each for
 * `..`, symbolic links and hard links that lead out of the model's folder (CVE-2022-25882, CVE-2024-27318 and later).
 */
import { constants } from 'node:fs';
import { lstat, open, realpath, type FileHandle } from 'node:fs/promises';
import nodePath from 'node:path';
import { OnnxError } from '../errors.ts';
import { MAX_OPEN_EXTERNAL_FILES } from '../limits.ts';
import type { ModelSource } from '../model.ts';
import type { ByteSource } from '../source.ts';
import { fileStamp, readFully, readInto, systemError } from './local.ts';
import { acceptStamp } from './stamps.ts';

/** Opens the file at `path`, relative to the model's folder; for models that are not on the local disk. */
export type OpenSibling = (path: string) => Promise<ByteSource>;

export class ModelFiles implements ModelSource {
  readonly file: ByteSource;
  private readonly openSibling: OpenSibling | undefined;
  private readonly opened = new Map<string, Promise<ByteSource>>();
  private readonly pool = new HandlePool();

  constructor(file: ByteSource, openSibling: OpenSibling | undefined) {
    this.file = file;
    this.openSibling = openSibling;
  }

  openExternal(path: string): Promise<ByteSource> {
    let source = this.opened.get(path);
    if (source === undefined) {
      source = this.open(path);
      this.opened.set(path, source);
      // a file that was missing may have been put in place when it is asked for again
      source.catch(() => this.opened.delete(path));
    }
    return source;
  }

  async close(): Promise<void> {
    const external = await Promise.allSettled(this.opened.values());
    const closing = external.map((e) => (e.status === 'fulfilled' ? e.value.close() : undefined));
    await Promise.all([this.file.close(), this.pool.close(), ...closing]);
  }

  private async open(path: string): Promise<ByteSource> {
    refuseUnsafePath(path, this.file.name);
    const source = await (this.openSibling?.(path) ?? this.openBeside(path));
    await acceptStamp(source);
    return source;
  }

  private async openBeside(path: string): Promise<ByteSource> {
    const { localPath } = this.file;
    if (localPath === undefined) {
      const message = `external data "${path}" cannot be read: the model is not in a folder of this computer`;
      throw new OnnxError('external-data', message, { file: this.file.name });
    }
    const found = await locate(localPath, path);
    return new ExternalFile(found.path, found.sizeBytes, this.pool);
  }
}

/** What is safe to look for beside the model: a relative path that goes down only. */
export function refuseUnsafePath(path: string, file: string): void {
  const refuse = (why: string) =>
    new OnnxError('external-data', `external data "${path.slice(0, 200)}" are refused: ${why}`, { file });
  if (path === '' || path.includes('\0')) throw refuse('this is no file name');
  if (nodePath.posix.isAbsolute(path) || nodePath.win32.isAbsolute(path) || /^[a-z]:/i.test(path)) {
    throw refuse('the path is absolute; it must be relative to the model');
  }
  if (path.split(/[\\/]/).includes('..')) throw refuse('the path leads out of the folder of the model');
}

/** Where `path` beside `modelPath` really is; a regular file in the model's folder, by no other name. */
async function locate(modelPath: string, path: string): Promise<{ path: string; sizeBytes: number }> {
  const expected = nodePath.join(nodePath.dirname(modelPath), path);
  const refuse = (why: string) =>
    new OnnxError('external-data', `external data "${path}" are refused: ${why}`, { file: modelPath });
  const real = await realpath(expected).catch((cause: unknown) => {
    throw new OnnxError(
      'external-data',
      `external data "${path}" are missing: expected at ${expected}; put the file there, as it belongs to the model`,
      { file: modelPath, cause },
    );
  });
  // a model that is itself a link (as in the cache of the Hugging Face hub) may have its data beside its real file
  const folders = [await realpath(nodePath.dirname(modelPath)), nodePath.dirname(await realpath(modelPath))];
  if (!folders.some((folder) => isInside(real, folder))) {
    throw refuse('a symbolic link leads out of the folder of the model');
  }
  const info = await lstat(real);
  if (info.isDirectory()) throw refuse('this is a folder');
  if (!info.isFile()) throw refuse('this is a device or pipe, not a file');
  if (info.nlink > 1) {
    throw refuse(
      `the file has ${info.nlink} names (hard links), so it may be one from elsewhere; replace it by a copy`,
    );
  }
  return { path: real, sizeBytes: info.size };
}

function isInside(path: string, folder: string): boolean {
  const relative = nodePath.relative(folder, path);
  return relative !== '' && !nodePath.isAbsolute(relative) && relative.split(nodePath.sep)[0] !== '..';
}

/** Reads through a handle of the pool, as a model may have thousands of external files. */
class ExternalFile implements ByteSource {
  readonly name: string;
  readonly localPath: string;
  readonly sizeBytes: number;
  private readonly pool: HandlePool;

  constructor(path: string, sizeBytes: number, pool: HandlePool) {
    this.name = path;
    this.localPath = path;
    this.sizeBytes = sizeBytes;
    this.pool = pool;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return this.pool.use(this.localPath, (handle) => readFully(handle, this.name, offset, length));
  }

  readInto(offset: number, into: Uint8Array): Promise<void> {
    return this.pool.use(this.localPath, (handle) => readInto(handle, this.name, into, offset));
  }

  openDescriptor(): Promise<number | undefined> {
    return this.pool.keep(this.localPath);
  }

  stamp(): Promise<string | undefined> {
    return fileStamp(this.localPath);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

interface Entry {
  readonly handle: Promise<FileHandle>;
  users: number;
}

/** As each stays open: leaves room for the others. */
const MAX_KEPT_FILES = MAX_OPEN_EXTERNAL_FILES / 2;

/** Handles by path; the ones not used for longest are closed where there are too many. */
class HandlePool {
  private readonly entries = new Map<string, Entry>();
  private readonly kept = new Map<string, Promise<number>>();

  async use<T>(path: string, read: (handle: FileHandle) => Promise<T>): Promise<T> {
    const entry = this.take(path);
    try {
      return await read(await entry.handle);
    } catch (error) {
      if (entry.users === 1) this.entries.delete(path);
      throw error;
    } finally {
      entry.users--;
      await this.closeIdle();
    }
  }

  /** The descriptor, open until `close`: threads tell nobody when they read. Undefined where too many are kept. */
  async keep(path: string): Promise<number | undefined> {
    if (this.kept.size >= MAX_KEPT_FILES && !this.kept.has(path)) return undefined;
    const known = this.kept.get(path);
    if (known !== undefined) return known;
    const descriptor = this.take(path).handle.then(({ fd }) => fd);
    this.kept.set(path, descriptor);
    descriptor.catch(() => {
      this.kept.delete(path);
      this.entries.delete(path);
    });
    return descriptor;
  }

  private take(path: string): Entry {
    const entry = this.entries.get(path) ?? { handle: openUnlinked(path), users: 0 };
    // to the end of the map: used last
    this.entries.delete(path);
    this.entries.set(path, entry);
    entry.users++;
    return entry;
  }

  async close(): Promise<void> {
    const entries = [...this.entries.values()];
    this.entries.clear();
    await Promise.all(entries.map(({ handle }) => closeQuietly(handle)));
  }

  private async closeIdle(): Promise<void> {
    for (const [path, entry] of this.entries) {
      if (this.entries.size <= MAX_OPEN_EXTERNAL_FILES) return;
      if (entry.users > 0) continue;
      this.entries.delete(path);
      await closeQuietly(entry.handle);
    }
  }
}

/** O_NOFOLLOW: the path was resolved, so a link here was put in its place since. */
async function openUnlinked(path: string): Promise<FileHandle> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants as Partial<typeof constants>;
  try {
    return await open(path, (O_RDONLY ?? 0) | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0));
  } catch (cause) {
    throw systemError(cause, path, 'read');
  }
}

async function closeQuietly(handle: Promise<FileHandle>): Promise<void> {
  await handle.then((h) => h.close()).catch(() => undefined);
}
