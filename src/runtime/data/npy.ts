/**
 * The header of a `.npy` array (NumPy format 1.0–3.0): `\x93NUMPY`, version, header length, then a Python dict
 * literal padded with spaces, then the elements in C order.
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (2000, 1, 28, 28), }
 */
import { RunnerError } from '../failure.ts';
import { fromNumpyDescr, type ElementType } from './dtype.ts';

export interface NpyHeader {
  readonly type: ElementType;
  /** [d0, d1, …]; a scalar has none. */
  readonly shape: readonly number[];
}

/** NumPy's own writer stays under 64 KiB; a larger header is a hostile or damaged file. */
const maxHeaderBytes = 64 * 1024;
/** NumPy allows 64 dims (32 before 2.0). */
const maxRank = 64;

/** Bytes before the header's text: magic, version and length. Enough to know where the data starts. */
export const npyPreludeBytes = 12;

/** `start` is the first {@link npyPreludeBytes} bytes (fewer: the array is cut short). Offsets in bytes from the start. */
export function parseNpyPrelude(
  start: Uint8Array,
  where: string,
): { headerOffset: number; dataOffset: number } {
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  if (!magic.every((b, i) => start[i] === b)) {
    throw new RunnerError('data', `${where} is not a NumPy array: it does not begin with \\x93NUMPY.`);
  }
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const major = start[6] ?? 0;
  if (major < 1 || major > 3) {
    throw new RunnerError(
      'data',
      `${where} is of NumPy format ${major}, this reader knows 1 to 3. Save it again with numpy.save.`,
    );
  }
  const headerOffset = major === 1 ? 10 : 12;
  if (start.length < headerOffset) throw new RunnerError('data', `${where} is cut short inside its header.`);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > maxHeaderBytes) {
    throw new RunnerError('data', `${where} has a header of ${length} bytes, more than ${maxHeaderBytes}.`);
  }
  return { headerOffset, dataOffset: headerOffset + length };
}

/** The dict literal of a header. `where` names file and array for messages. */
export function parseNpyHeader(text: string, where: string): NpyHeader {
  const descr = /['"]descr['"]\s*:\s*(['"])([^'"]*)\1/.exec(text)?.[2];
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text)?.[1];
  const shape = /['"]shape['"]\s*:\s*\(([^)]*)\)/.exec(text)?.[1];
  if (descr === undefined) {
    throw new RunnerError(
      'data',
      `${where} has no simple element type (structured or damaged): ${text.trim().slice(0, 120)}`,
    );
  }
  if (order === undefined || shape === undefined) {
    throw new RunnerError('data', `${where} has a damaged header: ${text.trim().slice(0, 120)}`);
  }
  const type = fromNumpyDescr(descr);
  if (type === undefined) {
    throw new RunnerError(
      'data',
      `${where} has elements of type ${descr}, which cannot be fed to a model. Save it as a little-endian number type, e.g. float32 or int64.`,
    );
  }
  const dims = parseShape(shape, where);
  // of one dim or fewer, both orders are the same
  if (order === 'True' && dims.filter((d) => d !== 1).length > 1) {
    throw new RunnerError(
      'data',
      `${where} is stored in Fortran order, which cannot be streamed by samples. Save it with numpy.ascontiguousarray(…).`,
    );
  }
  return { type, shape: dims };
}

function parseShape(text: string, where: string): number[] {
  const parts = text
    .split(',')
    .map((p) => p.trim())
    .filter((p) => p !== '');
  const dims = parts.map((p) => (/^\d+L?$/.test(p) ? Number.parseInt(p, 10) : Number.NaN));
  const count = dims.reduce((a, b) => a * b, 1);
  if (dims.length > maxRank || !Number.isSafeInteger(count)) {
    throw new RunnerError('data', `${where} has an impossible shape (${text.trim().slice(0, 120)}).`);
  }
  return dims;
}

export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
