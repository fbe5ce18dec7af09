/** Takes residual blocks out: one plan for the whole edit, of which each block that was asked for tells its part. */
import type { Outcome, Proposal, PulledEntry, StepContext } from '../../context.ts';
import type { Entry } from '../../graph/workspace.ts';
import type { PruneBlocksEdit } from '../../recipe/recipe.ts';
import { isBlocked, type Blocked } from '../../weights/find.ts';
import { applyBlocks, blocksPlan, entryBytes, type BlocksPlan } from './plan.ts';

export function pruneBlocks(context: StepContext, entry: Entry, edit: PruneBlocksEdit): Proposal | Blocked {
  const { ws } = context;
  if (entry.scope !== ws.main) return { reason: 'it is inside a subgraph, whose blocks are not followed' };
  const plan = blocksPlan(context, edit);
  const outcome = plan.outcomes.get(entry);
  if (outcome === undefined) return { reason: 'it ends no residual block' };
  if (isBlocked(outcome)) return outcome;
  const { beforeBytes, afterBytes } = entryBytes(ws, plan, entry);
  return { beforeBytes, apply: () => apply(context, plan, afterBytes) };
}

function apply(context: StepContext, plan: BlocksPlan, afterBytes: number): Outcome {
  const key = `prune-blocks-done\0${context.edit}`;
  if (context.made.has(key)) return { afterBytes, warnings: [] };
  context.made.set(key, true);
  const pulled = pulledAlong(context, plan);
  applyBlocks(context.ws, plan);
  return { afterBytes, warnings: [], pulled };
}

/** Layers of the blocks, that their weights may be seen to go. */
function pulledAlong({ ws, selected }: StepContext, plan: BlocksPlan): PulledEntry[] {
  const nodes = [...plan.gone, ...plan.replaced.keys()];
  const touched = new Set(nodes.flatMap((n) => plan.flow.entryOf.get(n) ?? []));
  return ws.main.entries.flatMap((entry) => {
    if (!touched.has(entry)) return [];
    const bytes = entryBytes(ws, plan, entry);
    if (selected.has(entry) || bytes.beforeBytes === bytes.afterBytes) return [];
    const block = plan.blocks.find((b) => entry.nodes.some((n) => n === b.sum || b.nodes.has(n)));
    return [{ entry, ...bytes, by: block?.id }];
  });
}
