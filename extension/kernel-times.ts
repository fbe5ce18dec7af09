/** What the kernels of each model took at its last check on the CPU: what pruning is predicted by. */
import type { Memento, Uri } from 'vscode';
import type { KernelTime, Optimization } from '../src/analysis/index.ts';
import type { CheckReport } from '../src/runtime/index.ts';

export interface KeptTimes {
  readonly batchSize: number;
  /** All that they were taken at, the batch included. */
  readonly dims: Readonly<Record<string, number>>;
  readonly optimization: Optimization;
  readonly times: readonly KernelTime[];
}

/** What the check was asked for. */
export interface TimedAt extends Pick<KeptTimes, 'optimization'> {
  readonly dims: Readonly<Record<string, number>>;
  readonly batchSymbols: readonly string[];
}

const prefix = 'kernelTimes:';
/** Of models long closed the oldest go first. */
const keptModels = 20;
/** About 100 bytes each. */
const keptKernels = 20_000;

export class KernelTimes {
  readonly #memento: Memento;

  constructor(memento: Memento) {
    this.#memento = memento;
  }

  of(uri: Uri): KeptTimes | undefined {
    return this.#memento.get<KeptTimes>(prefix + uri.toString());
  }

  /** Those of the largest batch that ran; where the check has none (another EP), what was kept stays. */
  async keep(uri: Uri, { ep, batches }: CheckReport, at: TimedAt): Promise<void> {
    const batch = batches.findLast((b) => b.original?.times !== undefined);
    const times = batch?.original?.times ?? [];
    if (ep !== 'cpu' || batch === undefined || times.length === 0 || times.length > keptKernels) return;
    const { batchSize } = batch;
    const sizes = Object.fromEntries(at.batchSymbols.map((name) => [name, batchSize]));
    const kept: KeptTimes = {
      batchSize,
      dims: { ...at.dims, ...sizes },
      optimization: at.optimization,
      times,
    };
    const key = prefix + uri.toString();
    const others = this.#memento.keys().filter((k) => k.startsWith(prefix) && k !== key);
    for (const old of others.slice(0, Math.max(0, others.length + 1 - keptModels)))
      await this.#memento.update(old, undefined);
    await this.#memento.update(key, kept);
  }
}
