/** Resident memory of this process, now and at its highest. */
import { readFileSync, writeFileSync } from 'node:fs';

/** Starts a new high-water mark where the system allows it (Linux); elsewhere it counts from the process's start. */
export function resetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // not Linux, or not allowed: the mark of the start stays, which is no higher than what follows
  }
}

/**
 * Highest resident bytes. On Linux from `VmHWM`, since `ru_maxrss` there begins with the parent's size.
 */
export function peakBytes(): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    if (kib !== undefined) return Number(kib) * 1024;
  } catch {
    // not Linux
  }
  return process.resourceUsage().maxRSS * 1024;
}

export function residentBytes(): number {
  return process.memoryUsage.rss();
}
