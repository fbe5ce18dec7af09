/** `vram-lens prune --structured --global`: which share of each group of channels goes. */
import { analyze } from '../analysis/index.ts';
import { scoredGroups, withRatios } from '../global-ratios.ts';
import type { PruneChannelsEdit } from '../transforms/index.ts';
import { lazyRunner, sizesOf } from './check.ts';
import { withNodeIds } from './layers.ts';
import { batchSymbols } from './model.ts';
import { sessionSettings } from './session-options.ts';
import { progressLine } from './terminal.ts';
import { calibratedBy, recipeFor, type TransformFlags, type Wanted } from './transform.ts';

export function wantedRatios(
  edit: PruneChannelsEdit,
  flags: TransformFlags & { readonly maxRatio?: number },
  signal: AbortSignal,
): Wanted {
  return async (model) => {
    const named = withNodeIds(model, edit, flags.layers);
    const analysis = analyze(model);
    const runner = lazyRunner(sessionSettings(flags));
    const file = model.source.file.localPath ?? model.source.file.name;
    try {
      const groups = await scoredGroups(model, calibratedBy(recipeFor(model, file), file, flags), named, {
        ...{ runner: runner.get, ep: flags.ep, dims: sizesOf(analysis, {}) },
        ...{ batchSymbols: batchSymbols(analysis), signal, onProgress: progressLine() },
      });
      return { edits: [withRatios(named, groups, flags.maxRatio)] };
    } finally {
      await runner.dispose();
    }
  };
}
