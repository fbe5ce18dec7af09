/** Which tensors go into the model's file and which beside it, and at which offsets. */
import nodePath from 'node:path';
import { denseByteLength, storedByteLength } from '../datatype.ts';
import { DataType, type Model, type TensorRef } from '../model.ts';
import { openExternalRange, streamTensor } from '../tensor/stream.ts';
import { Rope } from '../write/rope.ts';
import { mapTensors } from './map-tensors.ts';

/** Below this a tensor is not worth a place of its own (ONNX's `size_threshold`). */
export const EXTERNAL_THRESHOLD_BYTES = 1024;

/** ONNX asks for pages, so that the data can be mapped; large tensors get what Windows needs. */
const PAGE_BYTES = 4096;
const LARGE_BYTES = 1024 * 1024;
const LARGE_ALIGNMENT_BYTES = 64 * 1024;

export type Place = 'beside' | 'inline' | 'as-is';

export interface Placed {
  readonly model: Model;
  /** Tensors of the data file with their offsets, as they were before. */
  readonly beside: readonly {
    readonly tensor: TensorRef;
    readonly offset: number;
    readonly length: number;
  }[];
}

/** @param dataName name of the one data file, in the model's folder */
export function placeTensors(model: Model, dataName: string, choose: (tensor: TensorRef) => Place): Placed {
  const beside: { tensor: TensorRef; offset: number; length: number }[] = [];
  let end = 0;
  const place = (tensor: TensorRef): TensorRef => {
    const length = byteLength(tensor);
    const offset = aligned(end, length);
    end = offset + length;
    beside.push({ tensor, offset, length });
    return { ...tensor, range: undefined, location: { kind: 'external', path: dataName, offset, length } };
  };
  const placed = mapTensors(model, (tensor, role) => {
    if (tensor.dataType === DataType.string) return tensor;
    const { kind } = tensor.location;
    switch (choose(tensor)) {
      case 'beside':
        // ONNX Runtime reads initializers and Constants from there; other attributes only where they already are
        return role !== 'attribute' || kind === 'external' ? place(tensor) : tensor;
      case 'inline':
        return kind === 'external' ? inlined(model, tensor) : tensor;
      case 'as-is':
        return tensor;
    }
  });
  return { model: placed, beside };
}

/** The bytes of the data file. */
export async function dataRope(model: Model, placed: Placed): Promise<Rope> {
  const rope = new Rope();
  for (const { tensor, offset, length } of placed.beside) {
    rope.bytes(new Uint8Array(offset - rope.length));
    const { location } = tensor;
    if (location.kind === 'external') {
      rope.copy({ source: await openExternalRange(model, tensor), offset: location.offset, length });
    } else rope.tensor(tensor, length);
  }
  return rope;
}

export function byteLength(tensor: TensorRef): number {
  return denseByteLength(tensor.dataType, tensor.dims) ?? storedByteLength(tensor);
}

/** `model.onnx.data` beside `model.onnx`, or `model.onnx.2.data` where that is taken. */
export function dataNames(modelPath: string): (generation: number) => string {
  const base = nodePath.basename(modelPath);
  return (generation) => (generation === 1 ? `${base}.data` : `${base}.${generation}.data`);
}

/** Its bytes become raw_data, read from where they were when the file is written. */
function inlined(model: Model, tensor: TensorRef): TensorRef {
  const produce = (signal?: AbortSignal) => streamTensor(model, tensor, { signal });
  const location = { kind: 'computed', byteLength: byteLength(tensor), produce } as const;
  return { ...tensor, range: undefined, location };
}

function aligned(offset: number, length: number): number {
  const alignment = length >= LARGE_BYTES ? LARGE_ALIGNMENT_BYTES : PAGE_BYTES;
  return Math.ceil(offset / alignment) * alignment;
}
