/** Which nodes an edit is meant for. */
import type { Entry, Workspace } from './graph/workspace.ts';
import { layerMatcher } from './layer-matcher.ts';
import type { LayersEdit } from './recipe/recipe.ts';
import { blockEntries } from './prune/blocks/plan.ts';
import { isMeantFor } from './operators.ts';

export interface Selection {
  readonly entries: readonly Entry[];
  /** Ids asked for by name that the model does not have. */
  readonly missing: readonly string[];
}

/**
 * The entries that `edit` selects, in file order. A glob and `all` select among the operators that the edit knows;
 * ids are taken as they are, so that a person learns why one cannot be changed.
 */
export function selectEntries(ws: Workspace, edit: LayersEdit): Selection {
  const { layers } = edit;
  if ('nodes' in layers) {
    const ids = [...new Set(layers.nodes)];
    const entries = ids.map((id) => ws.entry(id)).filter((e) => e !== undefined);
    return { entries, missing: ids.filter((id) => ws.entry(id) === undefined) };
  }
  const matches = layerMatcher(layers);
  const isMeant =
    edit.type === 'prune-blocks' ? isIn(blockEntries(ws)) : (e: Entry) => isMeantFor(ws, e, edit);
  const entries = [...ws.entries].filter((entry) => isMeant(entry) && matches(entry.id));
  return { entries, missing: [] };
}

function isIn(entries: ReadonlySet<Entry>): (entry: Entry) => boolean {
  return (entry) => entries.has(entry);
}
