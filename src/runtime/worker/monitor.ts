/**
 * A thread that watches while the main thread is inside native code (ORT's run blocks it, so it would neither see
 * that the parent is gone nor obey a memory limit).
 */
import { rmSync, writeSync } from 'node:fs';
import { Worker, workerData } from 'node:worker_threads';
import { memoryLimitMarker } from '../failure.ts';

interface WatchData {
  readonly parentPid: number;
  /** Removed when the parent is gone; the parent removes it otherwise. */
  readonly scratch: string | undefined;
  readonly memoryLimitBytes: number | undefined;
}

const parentCheckMs = 250;
/** Short, since a kernel can allocate gigabytes in no time. */
const memoryCheckMs = 10;

export function startMonitor(options: Omit<WatchData, 'parentPid'>): void {
  const entry = process.argv[1];
  if (entry === undefined) return;
  const data: WatchData = { parentPid: process.ppid, ...options };
  const worker = new Worker(entry, {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
  });
  worker.unref();
}

/** Runs in the thread. */
export function watch(): void {
  const { parentPid, scratch, memoryLimitBytes } = workerData as WatchData;
  setInterval(() => {
    if (isAlive(parentPid)) return;
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
    process.kill(process.pid, 'SIGKILL');
  }, parentCheckMs);
  if (memoryLimitBytes === undefined) return;
  setInterval(() => {
    if (process.memoryUsage.rss() <= memoryLimitBytes) return;
    writeSync(2, `${memoryLimitMarker}\n`);
    process.kill(process.pid, 'SIGKILL');
  }, memoryCheckMs);
}

/** An orphan gets a new parent on POSIX; on Windows the old id stays and is asked. */
function isAlive(parentPid: number): boolean {
  if (process.ppid !== parentPid) return false;
  try {
    process.kill(parentPid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
