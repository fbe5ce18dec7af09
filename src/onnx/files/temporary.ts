/**
 * Files that become visible only when they are complete. A temporary file lies in the folder of the file it will
 * replace, as a rename is atomic only within one file system; its name says which process writes it, so that the next
 * one can clear away what a killed one left.
 */
import { randomBytes } from 'node:crypto';
import { open, readdir, unlink, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import nodePath from 'node:path';

/** So much is sent to the disk at once while more is being written. */
const SYNC_BYTES = 32 * 1024 * 1024;
const PREFIX = '.vram-lens-';
const HOST = Buffer.from(hostname()).toString('hex').slice(0, 16);
const NAME = /^\.vram-lens-([0-9a-f]*)-(\d+)-(\d+)-[0-9a-f]{12}\.tmp$/;
/** When this process began, in seconds: the same in all of its threads. */
const STARTED = Math.round(Date.now() / 1000 - process.uptime());
/** How far two threads may differ in it. */
const START_TOLERANCE = 5;

export class TemporaryFile {
  readonly path: string;
  readonly handle: FileHandle;
  /** Whether it was filled when it was made. */
  readonly isFilled: boolean;
  private isOpen = true;
  private unsyncedBytes = 0;
  private syncing: Promise<void> | undefined;
  private syncError: Error | undefined;

  private constructor(path: string, handle: FileHandle, isFilled: boolean) {
    this.path = path;
    this.handle = handle;
    this.isFilled = isFilled;
  }

  /** @param fill makes the file at the path, if it can; else it is empty. Its permissions are those of a new file. */
  static async create(folder: string, fill?: (path: string) => Promise<void>): Promise<TemporaryFile> {
    const name = `${PREFIX}${HOST}-${process.pid}-${STARTED}-${randomBytes(6).toString('hex')}.tmp`;
    const path = nodePath.join(folder, name);
    const empty = await open(path, 'wx', 0o666);
    if (fill === undefined) return new TemporaryFile(path, empty, false);
    const { mode } = await empty.stat();
    await empty.close();
    await unlink(path);
    const isFilled = await fill(path).then(
      () => true,
      // what was begun is in the way
      () =>
        unlink(path).then(
          () => false,
          () => false,
        ),
    );
    const file = new TemporaryFile(path, await open(path, isFilled ? 'r+' : 'wx', 0o666), isFilled);
    await file.handle.chmod(mode);
    return file;
  }

  /** Counts bytes that were written: the disk gets them meanwhile, and the end need not wait for all of them. */
  wrote(bytes: number): void {
    this.unsyncedBytes += bytes;
    if (this.unsyncedBytes < SYNC_BYTES || this.syncing !== undefined) return;
    this.unsyncedBytes = 0;
    const keep = (error: Error) => (this.syncError ??= error);
    this.syncing = this.handle
      .datasync()
      .catch(keep)
      .then(() => (this.syncing = undefined));
  }

  /** The bytes are on the disk and the file is closed; what remains is to rename it. */
  async complete(): Promise<void> {
    await this.syncing;
    // the system tells of an error only once
    if (this.syncError !== undefined) throw this.syncError;
    await this.handle.sync();
    await this.close();
  }

  /** Closes the file, and deletes it where it was not renamed. */
  async discard(): Promise<void> {
    await this.close().catch(() => undefined);
    await unlink(this.path).catch(() => undefined);
  }

  private async close(): Promise<void> {
    if (!this.isOpen) return;
    this.isOpen = false;
    await this.syncing;
    await this.handle.close();
  }
}

/** Deletes what a process that is no longer there left in `folder`. Errors do not matter: the next save tries again. */
export async function removeStaleFiles(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const [, host, pid, started] = NAME.exec(name) ?? [];
    if (host !== HOST || isRunning(Number(pid), Number(started))) continue;
    await unlink(nodePath.join(folder, name)).catch(() => undefined);
  }
}

/** Whether the process that wrote the file may still be at it. */
function isRunning(pid: number, started: number): boolean {
  if (pid === process.pid) return Math.abs(started - STARTED) <= START_TOLERANCE;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, but another user's
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
