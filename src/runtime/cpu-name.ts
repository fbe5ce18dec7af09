/** What the CPU is called here, e.g. `AMD EPYC 7B13, 2 cores`. */
import os from 'node:os';

export function cpuName(): string {
  const cpus = os.cpus();
  return `${cpus[0]?.model.trim() ?? 'CPU'}, ${cpus.length} cores`;
}
