/** Files of the local disk. */
import { constants } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import nodePath from 'node:path';
import { OnnxError } from '../errors.ts';
import type { ByteSource } from '../source.ts';
import { unfilled } from '../bytes.ts';
import { endsBefore } from './memory.ts';

/**
 * Opens a regular file for reading. A pipe or device is refused, and not waited for.
 * @throws OnnxError kind 'not-onnx' for a folder or device, 'io' where the system refuses
 */
export async function openLocalFile(path: string): Promise<ByteSource> {
  const handle = await openForReading(path);
  try {
    const info = await handle.stat();
    if (info.isDirectory())
      throw new OnnxError('not-onnx', 'this is a folder, not an ONNX file', { file: path });
    if (!info.isFile()) {
      throw new OnnxError('not-onnx', 'this is a device or pipe, not an ONNX file', { file: path });
    }
    return new LocalFile(path, handle, info.size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** O_NONBLOCK: to open a pipe that nobody writes to would wait for ever. Windows has no such flag. */
export async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | ((constants.O_NONBLOCK as number | undefined) ?? 0));
  } catch (cause) {
    throw systemError(cause, path, 'read');
  }
}

/** Size, time and identity of what is at `path` now; undefined where there is nothing. */
export async function fileStamp(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}`;
  } catch {
    return undefined;
  }
}

export async function readFully(
  handle: FileHandle,
  file: string,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = unfilled(length);
  await readInto(handle, file, bytes, offset);
  return bytes;
}

/** Fills `buffer` from `offset` of the file. */
export async function readInto(
  handle: FileHandle,
  file: string,
  buffer: Uint8Array,
  offset: number,
): Promise<void> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await readOnce(handle, file, buffer.subarray(done), offset + done);
    if (bytesRead === 0) throw endsBefore(file, offset + done);
    done += bytesRead;
  }
}

async function readOnce(handle: FileHandle, file: string, into: Uint8Array, at: number) {
  try {
    return await handle.read(into, 0, into.length, at);
  } catch (cause) {
    throw systemError(cause, file, 'read');
  }
}

class LocalFile implements ByteSource {
  readonly name: string;
  readonly localPath: string;
  readonly sizeBytes: number;
  private readonly handle: FileHandle;
  private closing: Promise<void> | undefined;

  constructor(path: string, handle: FileHandle, sizeBytes: number) {
    this.name = path;
    this.localPath = nodePath.resolve(path);
    this.handle = handle;
    this.sizeBytes = sizeBytes;
  }

  openDescriptor(): Promise<number> {
    return Promise.resolve(this.handle.fd);
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return readFully(this.handle, this.name, offset, length);
  }

  readInto(offset: number, into: Uint8Array): Promise<void> {
    return readInto(this.handle, this.name, into, offset);
  }

  stamp(): Promise<string | undefined> {
    return fileStamp(this.localPath);
  }

  close(): Promise<void> {
    this.closing ??= this.handle.close();
    return this.closing;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'this is a folder',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file system takes no file of this size',
  EIO: 'the disk reports an error',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  ENAMETOOLONG: 'the name is too long',
};

/** An error of the system, in words; other errors as they are. */
export function systemError(cause: unknown, file: string, action: 'read' | 'write'): unknown {
  if (!(cause instanceof Error) || !('code' in cause) || typeof cause.code !== 'string') return cause;
  const reason = REASONS[cause.code] ?? cause.message;
  return new OnnxError('io', `cannot ${action} the file: ${reason}`, { file, cause });
}
