/** Folders that several processes make at the same time, and that some of them leave when they are killed. */
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * Puts a folder, made elsewhere on the same disk, into its place in one step. Where another process has put a good one
 * there meanwhile, that stays, in use as it may be, and `made` goes.
 * @param isGood of the folder that is in the place
 * @throws Error of the file system
 */
export function putInPlace(made: string, place: string, isGood: () => boolean): void {
  const old = `${made}.old`;
  try {
    for (;;) {
      if (isGood()) return;
      try {
        if (existsSync(place)) renameSync(place, old);
        renameSync(made, place);
        return;
      } catch (error) {
        // another one was quicker: with what it put there, or in taking away what was there
        if (!isGood() && !hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
        if (!existsSync(made)) throw error;
      }
    }
  } finally {
    for (const folder of [made, old]) rmSync(folder, { recursive: true, force: true });
  }
}

const dayMs = 24 * 60 * 60 * 1000;

/** Removes what matches and was not touched for a day: what still runs is younger. */
export function removeLeftovers(folder: string, name: RegExp, olderThanMs = dayMs): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder).filter((e) => name.test(e))) {
    const file = path.join(folder, entry);
    const touched = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
    if (Date.now() - touched > olderThanMs) rmSync(file, { recursive: true, force: true });
  }
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
