/** The GPUs of this machine with their memory: nvidia-smi where it is, `systeminformation` for the others. */
import { nvidiaGpus } from './nvidia.ts';
import type { Gpu } from './types.ts';

const mebibyte = 1024 * 1024;

export async function listGpus(): Promise<Gpu[]> {
  // loaded late: it is large, and few ask
  const { graphics } = await import('systeminformation');
  const [nvidia, found] = await Promise.all([nvidiaGpus(), graphics()]);
  const others = found.controllers
    .filter((c) => nvidia.length === 0 || !/nvidia/i.test(c.vendor))
    .map((c) => ({
      name: c.model === '' ? 'GPU' : c.model,
      vendor: c.vendor,
      // what the system reports of a card that shares main memory is no budget of its own
      vramBytes: c.vram !== null && c.vram > 0 && !c.vramDynamic ? c.vram * mebibyte : undefined,
      freeBytes: c.memoryFree === undefined ? undefined : c.memoryFree * mebibyte,
      source: 'systeminformation',
    }));
  return [...nvidia, ...others];
}
