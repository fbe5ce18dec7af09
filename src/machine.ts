/** What of this machine decides how much the CPU provider takes, and how well: its threads, and what its vectors can do. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, platform } from 'node:os';

export interface Machine {
  /** Threads that ONNX Runtime uses within an operator by default: one per physical core. */
  readonly threads: number;
  /** Channels in a block of mlas's convolution layout: 16 with AVX-512, else 8; 1 where there is none. */
  readonly nchwcBlock: number;
  /** Rows to which mlas fills up what it packs of an int8 matrix: 64 for the tiles of AMX, else 4. */
  readonly int8Depth: number;
  /** Filters of mlas's symmetric int8 convolutions come in multiples of this: 4 with AVX-512, else 8. */
  readonly int8Filters: number;
  /**
   * Whether products of unsigned and signed 8 bits overflow: x86 without VNNI adds pairs of them in 16 bits, which mlas's
   * kernels for int8 weights live with (those for uint8 do not). As measured (see {@link learnInt8Overflows}), or until
   * then as the system says; undefined where it does not.
   */
  readonly int8Overflows: boolean | undefined;
  /** What the WebGPU provider takes of the process beside tensors; undefined until it is measured. */
  readonly webgpuOverheadBytes?: number | undefined;
}

let found: Machine | undefined;

export function thisMachine(): Machine {
  return (found ??= detect());
}

/** What a run of ONNX Runtime on this machine showed (src/runtime/overflow-model.ts), from then on the truth. */
export function learnInt8Overflows(int8Overflows: boolean): void {
  found = { ...thisMachine(), int8Overflows };
}

/** What a tiny net took on WebGPU (src/runtime/worker/probe.ts); undefined forgets it. */
export function learnWebgpuOverhead(webgpuOverheadBytes: number | undefined): void {
  found = { ...thisMachine(), webgpuOverheadBytes };
}

function detect(): Machine {
  const info = cpuInfo();
  const isX64 = arch() === 'x64';
  const hasAvx512 = info.includes('avx512f');
  return {
    threads: physicalCores(info) ?? availableParallelism(),
    nchwcBlock: isX64 ? (hasAvx512 ? 16 : 8) : 1,
    int8Depth: isX64 && info.includes('amx_int8') ? 64 : 4,
    int8Filters: hasAvx512 ? 4 : 8,
    int8Overflows: overflowsBySystem(arch(), info === '' ? vnniOfMac() : info),
  };
}

/** @param said what the system says of the processor; empty where it says nothing */
export function overflowsBySystem(architecture: string, said: string): boolean | undefined {
  if (architecture !== 'x64') return false;
  return said === '' ? undefined : !/vnni(?!: 0)/.test(said);
}

/** `hw.optional.avx512vnni: 1`; empty elsewhere, and on a Mac that does not know the name. */
function vnniOfMac(): string {
  if (platform() !== 'darwin' || arch() !== 'x64') return '';
  try {
    return execFileSync('/usr/sbin/sysctl', ['hw.optional.avx512vnni'], {
      encoding: 'latin1',
      timeout: 2000,
    });
  } catch {
    return '';
  }
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
