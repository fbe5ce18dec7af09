/** What of this machine decides how much the CPU provider takes: its threads, and the width of its vectors. */
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, platform } from 'node:os';

export interface Machine {
  /** Threads that ONNX Runtime uses within an operator by default: one per physical core. */
  readonly threads: number;
  /** Channels in a block of mlas's convolution layout: 16 with AVX-512, else 8; 1 where there is none. */
  readonly nchwcBlock: number;
  /** Rows to which mlas fills up what it packs of an int8 matrix: 64 for the tiles of AMX, else 4. */
  readonly int8Depth: number;
}

let found: Machine | undefined;

export function thisMachine(): Machine {
  return (found ??= detect());
}

function detect(): Machine {
  const info = cpuInfo();
  const isX64 = arch() === 'x64';
  return {
    threads: physicalCores(info) ?? availableParallelism(),
    nchwcBlock: isX64 ? (info.includes('avx512f') ? 16 : 8) : 1,
    int8Depth: isX64 && info.includes('amx_int8') ? 64 : 4,
  };
}

/** Empty where the system does not say. */
function cpuInfo(): string {
  if (platform() !== 'linux') return '';
  try {
    return readFileSync('/proc/cpuinfo', 'latin1');
  } catch {
    return '';
  }
}

function physicalCores(info: string): number | undefined {
  const cores = new Set<string>();
  for (const processor of info.split(/\n\s*\n/)) {
    const socket = /^physical id\s*:\s*(\d+)/m.exec(processor)?.[1];
    const core = /^core id\s*:\s*(\d+)/m.exec(processor)?.[1];
    if (socket !== undefined && core !== undefined) cores.add(`${socket}/${core}`);
  }
  return cores.size > 0 ? cores.size : undefined;
}
