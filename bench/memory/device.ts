/**
 * What a device EP takes beside the prediction. A device's allocator reports nothing: on the software device the memory
 * that Vulkan was asked for is written down where a C compiler can build what does so, and the memory of the process is
 * measured, which holds the software device itself, too.
 */
import { analyze } from '../../src/analysis/index.ts';
import type { EpName, MemoryEstimate } from '../../src/analysis/index.ts';
import { openModel } from '../../src/onnx/index.ts';
import { measure } from '../../scripts/calibrate/measure.ts';
import type { Case } from './cases.ts';
import { vulkanLog, type VulkanLog } from './vulkan.ts';

/** A case that takes longer is left out, with a line that says so. */
const budgetMs = 600_000;

/** Prints the table "Real models on WebGPU" of docs/memory.md; every model in a process of its own. */
export async function compareOnDevice(cases: readonly Case[], ep: EpName, folder: string): Promise<void> {
  const log = ep === 'webgpu' ? await vulkanLog(folder) : undefined;
  console.log('| model | dims | device memory | predicted | | process, in use after two runs |');
  console.log('|---|---|--:|--:|--:|--:|');
  for (const c of cases) console.log(`| ${(await cells(c, ep, log)).join(' | ')} |`);
}

async function cells(c: Case, ep: EpName, log: VulkanLog | undefined): Promise<string[]> {
  const dims = Object.values(c.dims).join(' × ');
  const model = await openModel(c.path);
  try {
    const predicted = onDevice(analyze(model).estimate({ dims: c.dims, ep, optimization: 'all' }));
    const settings = { ep, optimization: 'all', dims: c.dims, timeoutMs: budgetMs } as const;
    const { heldBytes } = await measure(c.path, { ...settings, ...log });
    const taken = await log?.peakBytes();
    const off = taken === undefined ? '' : `${((100 * (predicted - taken)) / taken).toFixed(1)} %`;
    return [c.name, dims, mebibytes(taken), mebibytes(predicted), off, mebibytes(heldBytes)];
  } catch (error) {
    return [c.name, dims, error instanceof Error ? error.message : String(error), '', '', ''];
  } finally {
    await model.source.close();
  }
}

/** Without what the provider and the driver hold beside it. */
function onDevice({ heldPeak, overhead }: MemoryEstimate): number {
  return (heldPeak.bytes ?? Number.NaN) - (overhead.bytes ?? 0);
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? 'unknown' : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
