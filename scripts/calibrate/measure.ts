/** Runs a model in a process of its own, with the environment that SwiftShader needs where it is what WebGPU finds. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { EpName, Optimization } from '../../src/analysis/index.ts';
import type { Run } from './child.ts';

const execute = promisify(execFile);
const child = path.join(import.meta.dirname, 'child.ts');
/** Chromium's software Vulkan, used where the caller names no driver; Vulkan's loader is beside it. */
const swiftShader = '/usr/lib/chromium/vk_swiftshader_icd.json';
const vulkanFolder = path.dirname(swiftShader);

/** Undefined where it is not installed. */
export const softwareVulkan = existsSync(swiftShader)
  ? {
      driver: path.join(vulkanFolder, 'libvk_swiftshader.so'),
      environment: {
        VK_ICD_FILENAMES: swiftShader,
        LD_LIBRARY_PATH: vulkanFolder,
        XDG_RUNTIME_DIR: tmpdir(),
      },
    }
  : undefined;

export interface Settings {
  readonly ep: EpName;
  readonly optimization: Optimization;
  readonly dims?: Readonly<Record<string, number>>;
  /** Ends the process after so long, with an error; without, it may take any time. */
  readonly timeoutMs?: number;
  /** On top of the caller's. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** What it takes; throws with ONNX Runtime's words where it does not run. */
export async function measure(
  model: string,
  { ep, optimization, dims = {}, timeoutMs = 0, environment = {} }: Settings,
): Promise<Run> {
  const args = ['--import=tsx', child, model, ep, optimization, JSON.stringify(dims)];
  try {
    const { stdout } = await execute(process.execPath, args, {
      env: { ...environmentOf(ep), ...environment },
      maxBuffer: 2 ** 26,
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Run;
  } catch (error) {
    const isLate = timeoutMs > 0 && (error as { killed?: boolean }).killed === true;
    const message = isLate ? `not done after ${timeoutMs / 1000} s` : reason(error);
    throw new Error(message, { cause: error });
  }
}

/**
 * glibc raises the size from which it maps memory apart whenever such memory is freed, and keeps what is below it: with a
 * fixed size the system gets back what is freed, so that resident memory is memory in use.
 */
const exactMalloc = { MALLOC_MMAP_THRESHOLD_: '131072', MALLOC_TRIM_THRESHOLD_: '131072' };

function environmentOf(ep: EpName): NodeJS.ProcessEnv {
  const isSet = process.env['VK_ICD_FILENAMES'] !== undefined;
  const vulkan = ep === 'webgpu' && !isSet ? softwareVulkan?.environment : {};
  return { ...process.env, ...exactMalloc, ...vulkan };
}

/** The line that says what went wrong. */
function reason(error: unknown): string {
  const { stderr = '', message = '' } = error as { stderr?: string; message?: string };
  const line = stderr.split('\n').find((l) => /^\w*Error: /.test(l));
  return (line ?? message).trim();
}
