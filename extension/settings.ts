/** The settings under `vramLens.`, read with checks: a value that is none of the allowed ones is the default. */
import { workspace } from 'vscode';
import type { EpName, Optimization } from '../src/analysis/index.ts';
import { defaultFeed, type SessionSettings } from '../src/runtime/index.ts';
import { WEIGHT_CHOICES, type WeightChoice } from '../src/transforms/index.ts';
import { parseBudget } from './budget.ts';

export const epNames: readonly EpName[] = ['cpu', 'webgpu', 'cuda', 'tensorrt', 'dml', 'coreml'];

export function isEpName(text: string): text is EpName {
  return epNames.some((ep) => ep === text);
}

export type Granularity = 'per-tensor' | 'per-channel';

export const settings = {
  get ep(): EpName {
    const ep = read('executionProvider');
    return typeof ep === 'string' && isEpName(ep) ? ep : 'cpu';
  },
  get optimization(): Optimization {
    return read('graphOptimization') === 'disabled' ? 'disabled' : 'all';
  },
  get batchSize(): number {
    return positiveInteger(read('batchSize')) ?? 1;
  },
  /** Bytes; undefined: the first GPU that is found. */
  get budgetBytes(): number | undefined {
    const budget = read('memoryBudget');
    return typeof budget === 'string' ? parseBudget(budget) : undefined;
  },
  get granularity(): Granularity {
    return read('quantize.granularity') === 'per-tensor' ? 'per-tensor' : 'per-channel';
  },
  get weights(): WeightChoice {
    const weights = read('quantize.weights');
    return WEIGHT_CHOICES.find((choice) => choice === weights) ?? 'usual';
  },
  get pruneRatio(): number {
    const ratio = read('prune.ratio');
    return typeof ratio === 'number' && ratio > 0 && ratio <= 1 ? ratio : 0.5;
  },
  get checkBatchSizes(): readonly number[] {
    const sizes = read('check.batchSizes');
    const usable = Array.isArray(sizes) ? sizes.map(positiveInteger).filter((n) => n !== undefined) : [];
    return usable.length === 0 ? [1, 8, 32] : usable;
  },
  get checkSamples(): number {
    return positiveInteger(read('check.samples')) ?? 2000;
  },
  /** Percentage points. */
  get maxAccuracyDrop(): number {
    const points = read('check.maxAccuracyDrop');
    return typeof points === 'number' && points >= 0 ? points : 1;
  },
  /** What is not set is as ONNX Runtime has it. */
  get session(): SessionSettings {
    const [intraOpThreads, interOpThreads] = [read('session.threads'), read('session.interOpThreads')].map(
      positiveInteger,
    );
    const limit = read('session.memoryLimit');
    const memoryLimitBytes = typeof limit === 'string' ? parseBudget(limit) : undefined;
    return {
      ...(intraOpThreads === undefined ? {} : { intraOpThreads }),
      ...(interOpThreads === undefined ? {} : { interOpThreads }),
      ...(read('session.memoryArena') === false ? { cpuMemArena: false } : {}),
      ...(read('session.memoryPattern') === false ? { memPattern: false } : {}),
      ...(read('session.prepacking') === false ? { prepacking: false } : {}),
      ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
    };
  },
  /** A NuGet v3 feed. */
  get cudaFeed(): string {
    const feed = read('cuda.feed');
    return typeof feed === 'string' && feed.trim() !== '' ? feed.trim() : defaultFeed;
  },
  get confirmOverwrite(): boolean {
    return read('save.confirmOverwrite') !== false;
  },
  get hasCodeLens(): boolean {
    return read('codeLens') !== false;
  },
};

function read(key: string): unknown {
  return workspace.getConfiguration('vramLens').get<unknown>(key);
}

function positiveInteger(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 ? value : undefined;
}
