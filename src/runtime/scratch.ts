/** A folder for the files of one task, removed whatever happens. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

export function makeScratch(): Promise<string> {
  return mkdtemp(path.join(tmpdir(), 'vram-lens-'));
}

export async function removeScratch(folder: string): Promise<void> {
  // a child killed a moment ago may still hold a file open on Windows
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

export async function withScratch<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await makeScratch();
  try {
    return await use(folder);
  } finally {
    await removeScratch(folder);
  }
}
