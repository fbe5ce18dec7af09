/** Which EPs there are, which work on this machine, and which of those is the best to run on. */
import type { EpName } from '../analysis/types.ts';
import { learnInt8Overflows, learnWebgpuOverhead } from '../machine.ts';
import { RunnerError } from './failure.ts';
import { listGpus } from './gpus.ts';
import type { Backend, Job, JobResults } from './messages.ts';
import { withScratch } from './scratch.ts';
import type { ProbeCache } from './probe-cache.ts';
import type { EpStatus } from './types.ts';

/** Every EP we can name, best first: what runs on a device of its own beats the CPU. */
export const epPreference: readonly EpName[] = ['tensorrt', 'cuda', 'dml', 'coreml', 'webgpu', 'cpu'];

/** The best EP that works. One that computes in software on the CPU loses to the CPU EP, which does so faster. */
export function bestEp(statuses: readonly EpStatus[]): EpName {
  const usable = new Set(statuses.filter((s) => s.available && s.isSoftware !== true).map((s) => s.ep));
  return epPreference.find((ep) => usable.has(ep)) ?? 'cpu';
}

/** The first use of a GPU compiles shaders; longer than this is a driver that hangs. */
const probeSilenceMs = 60_000;

/** Runs one job of a probe in a child process. */
type Launch = <K extends 'backends' | 'probe'>(
  job: Extract<Job, { kind: K }>,
  silenceMs: number,
) => Promise<JobResults[K]>;

/** Finds out once, and remembers, what each EP does on this machine. */
export class EpProbe {
  readonly #launch: Launch;
  readonly #statuses = new Map<EpName, Promise<EpStatus>>();
  readonly #cache: ProbeCache | undefined;
  #backends: Promise<readonly Backend[]> | undefined;

  constructor(launch: Launch, cache?: ProbeCache) {
    this.#launch = launch;
    this.#cache = cache;
  }

  /** Rejects only where the probe was cancelled or the runner itself cannot be started. */
  status(ep: EpName): Promise<EpStatus> {
    const known = this.#statuses.get(ep);
    if (known !== undefined) return known;
    const found = this.#findOrRecall(ep);
    this.#statuses.set(ep, found);
    // what failed for want of a process is asked again
    found.catch(() => this.#statuses.delete(ep));
    return found;
  }

  async #findOrRecall(ep: EpName): Promise<EpStatus> {
    const recalled = await this.#cache?.recall(ep);
    const status = recalled ?? (await this.#find(ep));
    if (recalled === undefined) await this.#cache?.remember(status);
    // measured: better than what the system says of the processor
    if (status.int8Overflows !== undefined) learnInt8Overflows(status.int8Overflows);
    if (ep === 'webgpu' && status.overheadBytes !== undefined) learnWebgpuOverhead(status.overheadBytes);
    return status;
  }

  async #find(ep: EpName): Promise<EpStatus> {
    const backends = await this.#listBackends();
    if (!backends.some((b) => b.name === ep)) {
      const detail = `ONNX Runtime for Node.js does not include it on ${process.platform}-${process.arch}`;
      return { ep, available: false, isInBuild: false, detail };
    }
    try {
      const status = await withScratch((scratch) =>
        this.#launch({ kind: 'probe', ep, scratch }, probeSilenceMs),
      );
      const detail = status.detail === '' ? await gpuNames() : status.detail;
      return { ...status, detail, isInBuild: true };
    } catch (error) {
      if (!(error instanceof RunnerError) || error.kind === 'cancelled' || error.kind === 'internal')
        throw error;
      return { ep, available: false, isInBuild: true, detail: whyNot(ep, error.message) };
    }
  }

  #listBackends(): Promise<readonly Backend[]> {
    const listed = this.#backends ?? this.#launch({ kind: 'backends' }, probeSilenceMs);
    this.#backends = listed;
    listed.catch(() => (this.#backends = undefined));
    return listed;
  }
}

async function gpuNames(): Promise<string> {
  const names = (await listGpus()).map((g) => g.name);
  return names.length === 0 ? 'GPU' : [...new Set(names)].join(', ');
}

const graphicsApi: Partial<Record<NodeJS.Platform, string>> = { win32: 'Direct3D 12', darwin: 'Metal' };

/** ONNX Runtime's own words, or ours where it is known what they mean. No full stop at the end. */
export function whyNot(ep: EpName, message: string, platform: NodeJS.Platform = process.platform): string {
  if (ep === 'webgpu' && /WebGPU adapter/i.test(message)) {
    return `no ${graphicsApi[platform] ?? 'Vulkan'} adapter was found; it needs a GPU with a working driver`;
  }
  if (/Failed to load shared library/i.test(message)) {
    const [, missing] = /(\S+): cannot open shared object file/.exec(message) ?? [];
    if (missing !== undefined && !missing.includes('onnxruntime')) {
      return `it needs the library ${missing}, which this system does not have`;
    }
    const isThere = /shared library.*\. (lib\S+: .+?)\.?$/.exec(message)?.[1];
    return missing !== undefined || isThere === undefined
      ? 'its libraries are not installed beside ONNX Runtime'
      : `its library cannot be loaded: ${isThere}`;
  }
  return message.replace(/\.$/, '');
}
