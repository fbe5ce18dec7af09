/** Arrays: of bytes that are about to be filled, and of no more room than they need. */

/** Not cleared, and a plain Uint8Array: a Buffer's `slice` would share its memory with whoever thinks it a copy. */
export function unfilled(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer, 0, length);
}

/** The pieces one after the other; the piece itself where there is one that begins at a multiple of 8. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined && only.byteOffset % 8 === 0) return only;
  const whole = unfilled(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

const NOTHING: readonly never[] = [];

/** Longest list that {@link appended} makes without room to spare. */
const SHORT_LIST = 4;

/**
 * The list with one more element: a short one anew and without room to spare, a longer one by `push`. Most lists of a
 * graph have one to three elements.
 */
export function appended<T>(list: readonly T[], item: T): readonly T[] {
  const [a, b, c] = list as readonly [T, T, T];
  switch (list.length) {
    case 0:
      return [item];
    case 1:
      return [a, item];
    case 2:
      return [a, b, item];
    case 3:
      return [a, b, c, item];
    default:
      (list as T[]).push(item);
      return list;
  }
}

/** A list that {@link appended} made, with exactly the room it needs. */
export function settled<T>(list: readonly T[]): readonly T[] {
  return list.length <= SHORT_LIST ? list : list.slice();
}

/** The list with exactly the room it needs: one that grew by `push` keeps 17 places for its first element. */
export function trimmed<T>(list: readonly T[]): readonly T[] {
  return list.length === 0 ? NOTHING : list.slice();
}
