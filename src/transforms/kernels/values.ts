/**
 * The float32 values that a kernel works on: at hand, or in a file that it reads for itself. Reading where the work is
 * done spares two copies and keeps all threads reading.
 */
import { readSync } from 'node:fs';

export type Values = Float32Array | FileValues;

export interface FileValues {
  /** Of a file that this process has open. */
  readonly descriptor: number;
  /** For messages. */
  readonly file: string;
  /** Of the first value, in bytes. */
  readonly offset: number;
  /** Number of values. */
  readonly length: number;
}

export function sliceValues(values: Values, from: number, to: number): Values {
  if (values instanceof Float32Array) return values.subarray(from, to);
  return { ...values, offset: values.offset + 4 * from, length: to - from };
}

/** The values themselves. @throws Error where the file ends before */
export function floatsOf(values: Values): Float32Array {
  return values instanceof Float32Array ? values : loadValues(values, new ArrayBuffer(4 * values.length), 0);
}

/** Some of a matrix's values. */
export interface Part {
  readonly row: number;
  readonly rows: number;
  readonly column: number;
  readonly columns: number;
}

/** As `loadValues`, of a part of a matrix whose rows have `rowLength` values. */
export function loadRows(
  values: Values,
  rowLength: number,
  { row, rows, column, columns }: Part,
  memory: ArrayBufferLike,
  at: number,
): Float32Array {
  const first = row * rowLength + column;
  if (columns === rowLength)
    return loadValues(sliceValues(values, first, first + rows * rowLength), memory, at);
  for (let r = 0; r < rows; r++) {
    const from = first + r * rowLength;
    loadValues(sliceValues(values, from, from + columns), memory, at + 4 * r * columns);
  }
  return new Float32Array(memory, at, rows * columns);
}

/**
 * Puts the values at byte `at` of `memory`, and gives them as a view of it.
 * @throws Error where the file ends before
 */
export function loadValues(values: Values, memory: ArrayBufferLike, at: number): Float32Array {
  const loaded = new Float32Array(memory, at, values.length);
  if (values instanceof Float32Array) loaded.set(values);
  else readInto(values, new Uint8Array(memory, at, 4 * values.length));
  return loaded;
}

function readInto({ descriptor, file, offset }: FileValues, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    const read = readSync(descriptor, bytes, done, bytes.length - done, offset + done);
    if (read === 0)
      throw new Error(`${file} ends at byte ${offset + done}, within a tensor: was it changed?`);
    done += read;
  }
}
