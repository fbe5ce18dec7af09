/** Bytes at hand as a source: untitled documents, small files of other systems, tests. */
import { OnnxError } from '../errors.ts';
import type { ByteSource } from '../source.ts';

/** @param name for messages; the bytes are not copied and must not change */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    sizeBytes: bytes.length,
    read: (offset, length) => {
      if (offset + length > bytes.length) return Promise.reject(endsBefore(name, offset + length));
      return Promise.resolve(bytes.subarray(offset, offset + length));
    },
    close: () => Promise.resolve(),
  };
}

export function endsBefore(file: string, offset: number): OnnxError {
  return new OnnxError('truncated', 'the file ends too early', { file, offset });
}
