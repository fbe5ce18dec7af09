/** What an edit would do: the same figures as after it, without it. */
import type { PreviewView } from '../../src/protocol.ts';
import {
  needsData,
  type ChosenForms,
  type Edit,
  type LayerChange,
  type PruneChannelsEdit,
} from '../../src/transforms/index.ts';
import type { Addition } from '../addition.ts';
import { isSaidByDialog } from '../session/edit-warnings.ts';
import type { Shown } from '../session/shown.ts';
import type { KeptTimes } from '../kernel-times.ts';
import type { Snapshot } from '../session/snapshot.ts';
import { localize } from '../l10n/domain-text.ts';
import { channelGroups, type Side } from './channel-groups.ts';
import { isNoteworthy, sum } from './layers.ts';
import { latencyView } from './latency-view.ts';
import { totalsView } from './totals.ts';

/** @param kept of the last check */
export function previewView(
  document: Shown,
  { edits, calibration, chosen }: Addition,
  kept?: KeptTimes,
): PreviewView {
  const next = document.preview(edits, calibration);
  const first = next.recipe.edits.length - edits.length;
  const changes = next.applied().changes.filter((c) => c.edit >= first);
  const applied = changes.filter((c) => c.status === 'applied');
  const names = new Map(document.estimateBefore.layers.map((l) => [l.id, l.name]));
  const named = (node: string) => ({ layerId: node, name: names.get(node) ?? node });
  const [edit] = edits;
  const [now, after] = [document.estimate, next.estimate(document.options)];
  return {
    beforeBytes: applied.reduce((sum, c) => sum + c.beforeBytes, 0),
    afterBytes: applied.reduce((sum, c) => sum + c.afterBytes, 0),
    before: totalsView(now),
    after: totalsView(after),
    changedLayers: applied.length,
    layers: applied.map((c) => ({
      ...named(c.node),
      beforeBytes: c.beforeBytes,
      afterBytes: c.afterBytes,
      form: chosenForm(chosen, c.node),
    })),
    blocked: blockedOf(changes, edits, first, chosen).map(({ node, reason }) => ({
      ...named(node),
      reason: localize(reason),
    })),
    warnings: next
      .warnings(document.options.ep)
      .slice(first)
      .flat()
      .filter((w) => !isSaidByDialog(w))
      .map((w) => localize(w.message)),
    needsCalibration: needsData(next.applied()),
    macs: { before: sum(now.nodes.map((n) => n.macs)), after: sum(after.nodes.map((n) => n.macs)) },
    latency: removes(edit) ? latencyView(document, next, kept) : undefined,
    groups: edit?.type === 'prune-channels' ? groupsOf(document, next, edit, changes) : undefined,
  };
}

/** Nothing else makes kernels do less of the same. */
function removes(edit: Edit | undefined): boolean {
  return edit?.type === 'prune-channels' || edit?.type === 'prune-blocks';
}

function groupsOf(
  document: Shown,
  next: Snapshot,
  edit: PruneChannelsEdit,
  changes: readonly LayerChange[],
): PreviewView['groups'] {
  const now = document.snapshot;
  const side = (s: Snapshot): Side => ({
    model: s.model,
    analysis: s.analysis(),
    originalNode: (id) => s.layers().originalNode(id),
  });
  return channelGroups({
    ...{ edit, changes, groups: now.channelGroups(), before: side(now), after: side(next) },
    layerOf: (node) => now.layers().before(node),
  }).map((g) => ({ ...g, blocked: g.blocked === undefined ? undefined : localize(g.blocked) }));
}

function chosenForm(chosen: Addition['chosen'], node: string): string | undefined {
  const form = chosen?.find((l) => l.node === node)?.form;
  return form === undefined ? undefined : localize(form);
}

interface Blocked {
  readonly node: string;
  readonly reason: string;
}

/** What stays as it is, with the reason. */
function blockedOf(
  changes: readonly LayerChange[],
  edits: Addition['edits'],
  first: number,
  chosen: ChosenForms['layers'] = [],
): Blocked[] {
  return [
    ...changes.filter((c) => c.status === 'blocked' && isNoteworthy(c, edits[c.edit - first])),
    ...chosen.filter((l) => l.form === undefined),
  ].map(({ node, reason }) => ({ node, reason: reason ?? '' }));
}
