/**
 * A `.npy` file, or the arrays of a `.npz` archive, opened without reading more than their headers. Elements are
 * streamed, inflated on the way, from the start of each array.
 */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import * as zlib from 'node:zlib';
import { openPromise, type Entry, type ZipFile } from 'yauzl';
import { RunnerError } from '../failure.ts';
import { ByteReader } from './byte-reader.ts';
import { elementBytes, type ElementType } from './dtype.ts';
import { elementsOf, npyPreludeBytes, parseNpyHeader, parseNpyPrelude } from './npy.ts';

export interface NumpyArray {
  /** Name in the archive without `.npy`; the file's name for a single `.npy`. */
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** File and array, for messages. */
  readonly where: string;
  /** The elements, little-endian, in C order. */
  stream(): AsyncIterable<Uint8Array>;
}

export interface NumpyFile {
  readonly arrays: readonly NumpyArray[];
  close(): void;
}

/** Deflate cannot do better than about 1 : 1032. */
const maxDeflateRatio = 1100;
const maxArrays = 10_000;

/** RunnerError 'data' where the file is missing, damaged, cut short, or of another kind. */
export async function openNumpy(file: string): Promise<NumpyFile> {
  const name = path.basename(file);
  let start: Uint8Array;
  try {
    start = await readStart(file, npyPreludeBytes);
  } catch (cause) {
    throw new RunnerError('data', `Cannot read ${file}: ${textOf(cause)}.`, { cause });
  }
  if (start[0] === 0x50 && start[1] === 0x4b) return openArchive(file, name);
  return { arrays: [await openSingle(file, name)], close: () => undefined };
}

async function openSingle(file: string, name: string): Promise<NumpyArray> {
  const { size } = await stat(file);
  return describeArray(
    path.basename(name, '.npy'),
    name,
    (from) => createReadStream(file, { start: from }),
    size,
  );
}

async function openArchive(file: string, name: string): Promise<NumpyFile> {
  let zip: ZipFile;
  try {
    zip = await openPromise(file, { lazyEntries: true, autoClose: false });
  } catch (cause) {
    throw damaged(name, cause);
  }
  try {
    if (zip.entryCount > maxArrays) {
      throw new RunnerError('data', `${name} holds ${zip.entryCount} arrays, more than ${maxArrays}.`);
    }
    const entries: Entry[] = [];
    for await (const entry of zip.eachEntry()) if (entry.fileName.endsWith('.npy')) entries.push(entry);
    const arrays: NumpyArray[] = [];
    for (const entry of entries) arrays.push(await openEntry(zip, entry, name));
    if (arrays.length === 0) {
      throw new RunnerError('data', `${name} holds no .npy array. Save it with numpy.savez(…, input=…).`);
    }
    return { arrays, close: () => zip.close() };
  } catch (error) {
    zip.close();
    throw error instanceof RunnerError ? error : damaged(name, error);
  }
}

function openEntry(zip: ZipFile, entry: Entry, archive: string): Promise<NumpyArray> {
  const where = `${archive}[${entry.fileName.slice(0, -4)}]`;
  if (entry.uncompressedSize > entry.compressedSize * maxDeflateRatio + 1024) {
    throw new RunnerError('data', `${where} claims more bytes than its compressed data can hold.`);
  }
  if (!entry.canDecodeFileData()) {
    throw new RunnerError(
      'data',
      `${where} is encrypted or packed with a method other than deflate. Save it with numpy.savez_compressed(…).`,
    );
  }
  return describeArray(
    entry.fileName.slice(0, -4),
    where,
    (from) => streamEntry(zip, entry, where, from),
    entry.uncompressedSize,
  );
}

/** `from`: bytes to leave out at the start. `sizeBytes`: what the array takes in all, header included. */
async function describeArray(
  name: string,
  where: string,
  streamFrom: (from: number) => AsyncIterable<Uint8Array>,
  sizeBytes: number,
): Promise<NumpyArray> {
  const reader = new ByteReader(streamFrom(0));
  try {
    const prelude = await reader.read(npyPreludeBytes);
    const { headerOffset, dataOffset } = parseNpyPrelude(prelude, where);
    const rest = await reader.read(dataOffset - prelude.length);
    const text =
      new TextDecoder('latin1').decode(prelude.subarray(headerOffset)) + new TextDecoder().decode(rest);
    const header = parseNpyHeader(text, where);
    const expected = dataOffset + elementsOf(header.shape) * elementBytes(header.type);
    if (sizeBytes < expected) {
      throw new RunnerError(
        'data',
        `${where} is cut short: shape [${header.shape.join(', ')}] of ${header.type} needs ${expected} bytes, the file has ${sizeBytes}.`,
      );
    }
    return { name, where, ...header, stream: () => streamFrom(dataOffset) };
  } finally {
    await reader.close();
  }
}

async function* streamEntry(
  zip: ZipFile,
  entry: Entry,
  where: string,
  from: number,
): AsyncGenerator<Uint8Array> {
  let skip = from;
  let crc = 0;
  try {
    for await (const chunk of await zip.openReadStreamPromise(entry)) {
      const bytes = chunk as Uint8Array;
      crc = zlib.crc32(bytes, crc);
      const kept = bytes.subarray(Math.min(skip, bytes.length));
      skip -= bytes.length - kept.length;
      if (kept.length > 0) yield kept;
    }
  } catch (cause) {
    throw damaged(where, cause);
  }
  if (crc !== entry.crc32) throw damaged(where, new Error('its checksum (CRC-32) does not match'));
}

async function readStart(file: string, length: number): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    const { bytesRead, buffer } = await handle.read(new Uint8Array(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function damaged(where: string, cause: unknown): RunnerError {
  return new RunnerError('data', `${where} is damaged or cut short: ${textOf(cause)}.`, { cause });
}

export function textOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
}
