/** `vram-lens prune --blocks`: which residual blocks go, by name or because they matter least. */
import path from 'node:path';
import { analyze } from '../analysis/index.ts';
import { blockInfluences } from '../block-influence.ts';
import type { Model } from '../onnx/index.ts';
import { blockStrengths, leastBlocks, residualBlocks } from '../transforms/index.ts';
import { lazyRunner, sizesOf } from './check.ts';
import { UsageError } from './failure.ts';
import { batchSymbols } from './model.ts';
import { sessionSettings } from './session-options.ts';
import { progressLine } from './terminal.ts';
import { readAs, type TransformFlags, type Wanted } from './transform.ts';

export const BLOCK_IMPORTANCES = ['weights', 'influence'] as const;

export interface BlockChoice {
  /** A number of blocks, or a glob over their ids. */
  readonly blocks: string;
  readonly method: (typeof BLOCK_IMPORTANCES)[number];
}

export function wantedBlocks(
  { blocks, method }: BlockChoice,
  flags: TransformFlags,
  signal: AbortSignal,
): Wanted {
  if (!/^\d+$/.test(blocks))
    return { type: 'prune-blocks', layers: blocks === 'all' ? { all: true } : { glob: blocks } };
  const count = Number(blocks);
  if (count === 0) throw new UsageError('--blocks: expected a number of at least 1, or a glob, got 0');
  return async (model) => {
    const found = residualBlocks(model);
    const able = found.filter((b) => b.blocker === undefined);
    const nodes = leastBlocks(found, await scoresOf(model, method, flags, signal), count);
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
  method: BlockChoice['method'],
  flags: TransformFlags,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const { ep, calibration } = flags;
  if (method === 'weights') return blockStrengths(model, signal);
  const analysis = analyze(model);
  const runner = lazyRunner(sessionSettings(flags));
  const data = calibration === undefined ? undefined : { path: path.resolve(calibration), ...readAs(flags) };
  try {
    return await blockInfluences(model, data, path.dirname(model.source.file.localPath ?? ''), {
      ...{ runner: runner.get, ep, dims: sizesOf(analysis, {}), batchSymbols: batchSymbols(analysis) },
      ...{ signal, onProgress: progressLine() },
    });
  } finally {
    await runner.dispose();
  }
}
