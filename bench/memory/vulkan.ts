/** The memory that a session takes of a Vulkan device, told by a driver that writes down what it is asked for. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { softwareVulkan } from '../../scripts/calibrate/measure.ts';

const execute = promisify(execFile);

export interface VulkanLog {
  /** For a process that is to be measured. */
  readonly environment: NodeJS.ProcessEnv;
  /** Highest sum of the device memory that the last process held, in bytes. */
  peakBytes(): Promise<number>;
}

/** Built in `folder`; undefined where there is no software device or no C compiler. */
export async function vulkanLog(folder: string): Promise<VulkanLog | undefined> {
  if (softwareVulkan === undefined) return undefined;
  const library = path.join(folder, 'vulkan-log.so');
  const source = path.join(import.meta.dirname, 'vulkan-log.c');
  try {
    await execute('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl', '-lpthread']);
  } catch {
    return undefined;
  }
  const log = path.join(folder, 'vulkan.log');
  const manifest = path.join(folder, 'vulkan-log.json');
  const { driver, environment } = softwareVulkan;
  const icd = { library_path: library, api_version: '1.0.5' };
  await writeFile(manifest, JSON.stringify({ file_format_version: '1.0.0', ICD: icd }));
  return {
    environment: {
      ...environment,
      VK_ICD_FILENAMES: manifest,
      VULKAN_LOG: log,
      VULKAN_LOG_DRIVER: driver,
    },
    peakBytes: async () => peakOf(await readFile(log, 'latin1')),
  };
}

function peakOf(log: string): number {
  const held = new Map<string, number>();
  let bytes = 0;
  let peak = 0;
  for (const line of log.split('\n')) {
    const [kind, id = '', size = '0'] = line.split(' ');
    if (kind === 'M+') held.set(id, Number(size));
    bytes += kind === 'M+' ? Number(size) : kind === 'M-' ? -(held.get(id) ?? 0) : 0;
    if (kind === 'M-') held.delete(id);
    peak = Math.max(peak, bytes);
  }
  return peak;
}
