/**
 * Whether WebGPU computes on a GPU or in software on the CPU (SwiftShader, llvmpipe, WARP). ONNX Runtime does not tell
 * which adapter it took, so it is seen by what the process holds, or by its speed.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { EpName } from '../../analysis/types.ts';
import { speedModel } from '../probe-model.ts';
import { createSession, runSession, type Ort } from './session.ts';

/** Device files that a GPU's driver keeps open as long as it is used. */
const gpuDevice = /^\/dev\/(?:dri\/|nvidia|dxg|kfd|mali|kgsl)/;

const rasterisers: readonly { readonly library: RegExp; readonly name: string }[] = [
  { library: /swiftshader/i, name: 'SwiftShader' },
  { library: /vulkan_lvp|lavapipe/i, name: 'llvmpipe' },
];

/** On Linux, while a session exists: what computes in software, or undefined where a GPU's device file is open. */
export function softwareAdapter(): string | undefined {
  const open = readdirSync('/proc/self/fd').map(linkOf);
  return softwareIn(open, readFileSync('/proc/self/maps', 'latin1'));
}

/** `openFiles`: what the process has open; `maps`: what it has loaded, as in /proc/self/maps. */
export function softwareIn(openFiles: readonly string[], maps: string): string | undefined {
  if (openFiles.some((f) => gpuDevice.test(f))) return undefined;
  const name = rasterisers.find((r) => r.library.test(maps))?.name ?? 'Vulkan';
  return `${name}, in software on the CPU`;
}

function linkOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    // the one that read the folder is closed by now
    return '';
  }
}

const speedSize = 1024;
/** The weakest GPUs come near the CPU, software stays far behind. */
const softwareFactor = 3;

/** Where no file tells: compared with the CPU EP at one MatMul. */
export async function softwareBySpeed(ort: Ort, ep: EpName): Promise<string | undefined> {
  const [cpu, other] = [await matMulMs(ort, 'cpu'), await matMulMs(ort, ep)];
  return other > softwareFactor * cpu
    ? `in software, or slow: a MatMul takes ${other.toFixed(0)} ms, on the CPU EP ${cpu.toFixed(0)} ms`
    : undefined;
}

/** The shortest of three runs after one to warm up, transfers included. */
async function matMulMs(ort: Ort, ep: EpName): Promise<number> {
  const session = await createSession(
    ort,
    { bytes: speedModel(speedSize) },
    { ep, optimization: 'all', settings: {} },
  );
  const x = new ort.Tensor('float32', new Float32Array(speedSize ** 2).fill(0.5), [speedSize, speedSize]);
  const run = () => runSession(session, { x }, ['y'], `timing ${ep}`);
  await run();
  let shortest = Infinity;
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    await run();
    shortest = Math.min(shortest, performance.now() - start);
  }
  await session.release();
  return shortest;
}
