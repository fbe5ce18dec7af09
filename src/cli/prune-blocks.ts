/** `vram-lens prune --blocks`: which residual blocks go, by name or because they matter least. */
import path from 'node:path';
import { analyze } from '../analysis/index.ts';
import type { EpName } from '../analysis/types.ts';
import { blockInfluences } from '../block-influence.ts';
import type { Model } from '../onnx/index.ts';
import { blockStrengths, leastBlocks, residualBlocks } from '../transforms/index.ts';
import { lazyRunner, sizesOf } from './check.ts';
import { UsageError } from './failure.ts';
import { batchSymbols } from './model.ts';
import { progressLine } from './terminal.ts';
import { calibrationBatch, type Wanted } from './transform.ts';

export const BLOCK_IMPORTANCES = ['weights', 'influence'] as const;

export interface BlockFlags {
  /** A number of blocks, or a glob over their ids. */
  readonly blocks: string;
  readonly method: (typeof BLOCK_IMPORTANCES)[number];
  readonly ep: EpName;
  readonly calibration?: string;
  readonly samples: number;
}

export function wantedBlocks(flags: BlockFlags, signal: AbortSignal): Wanted {
  const { blocks } = flags;
  if (!/^\d+$/.test(blocks))
    return { type: 'prune-blocks', layers: blocks === 'all' ? { all: true } : { glob: blocks } };
  const count = Number(blocks);
  if (count === 0) throw new UsageError('--blocks: expected a number of at least 1, or a glob, got 0');
  return async (model) => {
    const found = residualBlocks(model);
    const able = found.filter((b) => b.blocker === undefined);
    const nodes = leastBlocks(found, await scoresOf(model, flags, signal), count);
    if (nodes.length === count) return { edits: [{ type: 'prune-blocks', layers: { nodes } }] };
    const [refused] = found.filter((b) => b.blocker !== undefined);
    const why = refused === undefined ? '' : `; ${refused.id}: ${refused.blocker?.reason ?? ''}`;
    const together = able.length === nodes.length ? '' : `, ${nodes.length} of them together`;
    throw new UsageError(
      `--blocks ${count}: the model has ${able.length} residual blocks that can go${together}${why}`,
    );
  };
}

async function scoresOf(
  model: Model,
  { method, ep, calibration, samples }: BlockFlags,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  if (method === 'weights') return blockStrengths(model, signal);
  const analysis = analyze(model);
  const runner = lazyRunner();
  const data =
    calibration === undefined
      ? undefined
      : { path: path.resolve(calibration), samples, batchSize: calibrationBatch };
  try {
    return await blockInfluences(model, data, path.dirname(model.source.file.localPath ?? ''), {
      ...{ runner: runner.get, ep, dims: sizesOf(analysis, {}), batchSymbols: batchSymbols(analysis) },
      ...{ signal, onProgress: progressLine() },
    });
  } finally {
    await runner.dispose();
  }
}
