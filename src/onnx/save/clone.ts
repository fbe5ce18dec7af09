/**
 * Files that begin as a copy of the source, where most of them is in the same place in both: the system copies without
 * a detour through this process, and Btrfs, XFS, APFS and ReFS do it at once, by sharing blocks (a reflink). What
 * differs is written over it.
 */
import { constants } from 'node:fs';
import { copyFile, unlink } from 'node:fs/promises';
import type { ByteSource } from '../source.ts';
import { Rope } from '../write/rope.ts';

/** Below this a system call costs more than it saves. */
const WORTH_CLONING_BYTES = 1024 * 1024;
/** Of the file, from where on it is worth to copy what will be overwritten. */
const WORTH_COPYING_SHARE = 0.75;

/** A file that has bytes of the rope in the same place. */
export interface Template {
  readonly source: ByteSource;
  readonly path: string;
  readonly sharedBytes: number;
  /** Worth a copy even where blocks cannot be shared. */
  readonly isMostOfIt: boolean;
}

/** Makes `to`, which is not there yet, like `from`. Fails where the blocks cannot be shared and `orCopy` is false. */
export type Clone = (from: string, to: string, orCopy: boolean) => Promise<void>;

export const cloneFile: Clone = (from, to, orCopy) => {
  const mode = orCopy ? constants.COPYFILE_FICLONE : constants.COPYFILE_FICLONE_FORCE;
  return copyFile(from, to, constants.COPYFILE_EXCL | mode);
};

/** Bytes to be written from `offset` of the new file. */
export interface Part {
  readonly offset: number;
  readonly rope: Rope;
}

/** The local file to begin with; undefined where none has enough in the same place. */
export function templateFor(rope: Rope): Template | undefined {
  const shared = new Map<ByteSource, number>();
  forEachPiece(rope, (piece, at) => {
    if (piece.kind !== 'copy' || piece.offset !== at) return;
    shared.set(piece.source, (shared.get(piece.source) ?? 0) + piece.length);
  });
  const [best] = [...shared].sort(([, a], [, b]) => b - a);
  if (best === undefined) return undefined;
  const [source, sharedBytes] = best;
  if (source.localPath === undefined || sharedBytes < WORTH_CLONING_BYTES) return undefined;
  const isMostOfIt = sharedBytes >= WORTH_COPYING_SHARE * Math.max(rope.length, source.sizeBytes);
  return { source, path: source.localPath, sharedBytes, isMostOfIt };
}

/** What is not in its place yet in a copy of `source`; all of the rope where there is no copy. */
export function partsToWrite(rope: Rope, source: ByteSource | undefined): readonly Part[] {
  const parts: Part[] = [];
  let goesOn = false;
  forEachPiece(rope, (piece, at) => {
    const isThere = piece.kind === 'copy' && piece.source === source && piece.offset === at;
    if (!isThere) {
      if (!goesOn) parts.push({ offset: at, rope: new Rope() });
      parts.at(-1)?.rope.push(piece);
    }
    goesOn = !isThere;
  });
  return parts;
}

/** Node cannot stop a copy: on abort this one goes on unseen, and is deleted when it ends. */
export async function abortable(
  copying: Promise<void>,
  to: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal === undefined) return copying;
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  try {
    await Promise.race([copying, aborted]);
  } catch (error) {
    void copying.then(() => unlink(to)).catch(() => undefined);
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function forEachPiece(rope: Rope, visit: (piece: Rope['pieces'][number], at: number) => void): void {
  let at = 0;
  for (const piece of rope.pieces) {
    visit(piece, at);
    at += piece.length;
  }
}
