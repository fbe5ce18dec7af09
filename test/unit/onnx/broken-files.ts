/** Files that are no models, or broken ones: how tests make them, and what they expect of their refusal. */
import assert from 'node:assert/strict';
import {
  memorySource,
  openModel,
  OnnxError,
  type ByteSource,
  type Model,
  type OnnxErrorKind,
} from '../../../src/onnx/index.ts';
import { Encoder } from '../../../src/onnx/write/encoder.ts';

export function open(content: Uint8Array): Promise<Model> {
  return openModel(memorySource('broken.onnx', content));
}

export function bytes(content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? Buffer.from(content) : content;
}

export function concat(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))));
}

export function repeat(byte: number, times: number): number[] {
  return Array.from({ length: times }, () => byte);
}

export function inGraph(content: Uint8Array | readonly number[]): Uint8Array {
  return concat([8, 8], new Encoder().bytes(7, Uint8Array.from(content)).finish());
}

export function inTensor(content: Uint8Array): Uint8Array {
  return inGraph(new Encoder().bytes(5, content).finish());
}

export function groups(depth: number): Uint8Array {
  const encoder = new Encoder();
  for (let i = 0; i < depth; i++) encoder.tag(90, 3);
  for (let i = 0; i < depth; i++) encoder.tag(90, 4);
  return inGraph(encoder.finish());
}

export async function failure(opening: Promise<unknown>): Promise<OnnxError> {
  const error: unknown = await opening.then(
    () => new Error('it was accepted'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof OnnxError, String(error));
  return error;
}

export async function rejects(
  opening: Promise<unknown>,
  kind: OnnxErrorKind,
  message: RegExp,
): Promise<void> {
  const error = await failure(opening);
  assert.match(error.message, message);
  assert.equal(error.kind, kind, error.message);
}

export interface Counting extends ByteSource {
  bytesRead: number;
  closed: number;
}

export function counting(source: ByteSource): Counting {
  const counted: Counting = {
    name: source.name,
    sizeBytes: source.sizeBytes,
    bytesRead: 0,
    closed: 0,
    read: (offset, length) => {
      counted.bytesRead += length;
      return source.read(offset, length);
    },
    close: () => {
      counted.closed++;
      return source.close();
    },
  };
  return counted;
}

/** `head`, then zeros up to `sizeBytes`. */
export function sparse(name: string, head: Uint8Array, sizeBytes: number): ByteSource {
  return {
    name,
    sizeBytes,
    read: (offset, length) => {
      const content = new Uint8Array(length);
      content.set(head.subarray(offset, offset + length));
      return Promise.resolve(content);
    },
    close: () => Promise.resolve(),
  };
}
