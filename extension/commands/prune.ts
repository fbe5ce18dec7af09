/** "Prune…": of all layers of a file, asked for here; of layers that are chosen in the editor, by its own dialog. */
import type { PruneOptions } from '../../src/protocol.ts';
import { CHANNEL_IMPORTANCES, CHANNEL_REPAIRS, PRUNE_METHODS } from '../../src/transforms/index.ts';
import { applyEdit } from '../apply-edit.ts';
import { pruneEdit } from '../edits.ts';
import { targetModels } from '../target.ts';
import { askPruning } from './ask-pruning.ts';
import { startForChosen } from './chosen-layers.ts';
import type { Command } from './command.ts';
import { reportEdit, reportNothingDone } from './report-edit.ts';

export const prune: Command = {
  id: 'vramLens.prune',
  run: async (services, argument, selection, given) => {
    const models = await targetModels(argument, selection);
    const [first] = models;
    if (first === undefined) return;
    const known = givenPruning(given);
    if (known === undefined && (await startForChosen(services, first, 'prune', argument, selection))) return;
    const options = known ?? (await askPruning());
    if (options === undefined) return;
    const edit = pruneEdit({ all: true }, options);
    for (const uri of models) {
      const applied = await applyEdit(services, uri, { edits: [edit] });
      if (reportNothingDone(applied))
        await services.documents.use(uri, (document) => reportEdit(document, applied));
    }
  },
};

/**
 * For keybindings and other extensions: `{ "method": "magnitude", "ratio": 0.5 }` or `{ "importance": "l1",
 * "ratio": 0.3 }` asks nothing.
 */
export function givenPruning(given: unknown): PruneOptions | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const { method, importance, ratio, repair, scope, pattern, sparse }: Partial<Record<string, unknown>> = {
    ...given,
  };
  if (typeof ratio !== 'number' || !(ratio > 0 && ratio <= 1)) return undefined;
  const by = CHANNEL_IMPORTANCES.find((i) => i === importance);
  if (by !== undefined)
    return {
      kind: 'channels',
      importance: by,
      ratio,
      repair: CHANNEL_REPAIRS.find((r) => r === repair) ?? 'none',
    };
  const how = PRUNE_METHODS.find((m) => m === method);
  if (how === undefined) return undefined;
  return {
    ...{ kind: 'zeros', method: how, ratio, scope: scope === 'global' ? 'global' : 'layer' },
    ...(typeof pattern === 'string' ? { pattern } : {}),
    ...(sparse === true ? { sparse } : {}),
  };
}
