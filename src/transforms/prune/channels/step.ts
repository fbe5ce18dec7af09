/** Removes channels: one plan for the whole edit, of which each selected layer tells its own part. */
import type { CalibrationTarget } from '../../../analysis/index.ts';
import { tensorByteLength } from '../../../onnx/index.ts';
import type { Outcome, Proposal, PulledEntry, StepContext } from '../../context.ts';
import type { Entry, Workspace } from '../../graph/workspace.ts';
import type { PruneChannelsEdit, Warning } from '../../recipe/recipe.ts';
import { allConstantBytes, type Blocked } from '../../weights/find.ts';
import { editPlan, type EditPlan } from './edit-plan.ts';
import { channelsOf } from './edit-plan.ts';
import { isTracked } from './axis.ts';
import type { ChannelGroup } from './groups.ts';
import { groupReaders, importanceOf, seenInput } from './importance.ts';
import type { ScoredGroup } from './budget.ts';
import { reconstructionNeeds } from './reconstruction.ts';
import { seenBody } from '../seen-body.ts';

export function pruneChannels(
  context: StepContext,
  entry: Entry,
  edit: PruneChannelsEdit,
): Proposal | Blocked {
  const { ws } = context;
  const done = entry.quantizedBy;
  if (done !== undefined) {
    return {
      reason: `already quantized by edit ${done.edit + 1} (${done.form}): prune first, then quantize`,
    };
  }
  if (
    entry.scope !== ws.main &&
    (edit.importance === 'activation' || edit.importance === 'reconstruction') &&
    seenBody(entry.scope) === undefined
  )
    return { reason: 'it is inside a subgraph, where no calibration data are seen' };
  const plan = editPlan(context, edit, entry.scope);
  const beforeBytes = allConstantBytes(ws, entry);
  const afterBytes = bytesAfter(ws, entry, plan);
  if (afterBytes === beforeBytes) return { reason: whyNot(plan, entry) };
  return { beforeBytes, apply: () => apply(context, plan, afterBytes), needs: needsOf(plan, edit) };
}

/** What importance and repair must be told of the original model. */
function needsOf({ importance, plan, repaired }: EditPlan, edit: PruneChannelsEdit): CalibrationTarget[] {
  if (edit.importance === 'reconstruction') {
    const asked = [...plan.keep.keys()].flatMap((group) => reconstructionNeeds(importance, group));
    return [...repaired.needs, ...asked];
  }
  if (edit.importance !== 'activation') return [...repaired.needs];
  const readers = [...plan.keep.keys()].flatMap((group) => groupReaders(importance, group));
  return [...repaired.needs, ...readers.map((r) => seenInput(r, importance.seen))];
}

function whyNot({ groupsOf, blockers, plan }: EditPlan, entry: Entry): string {
  const groups = groupsOf.get(entry) ?? [];
  for (const group of groups) {
    const blocker = blockers.get(group);
    if (blocker !== undefined) return blocker.reason;
  }
  const [group] = groups;
  if (group !== undefined && plan.keep.has(group)) {
    const channels = channelsOf(plan.trace, plan.grouping, group);
    if (group.units.length > 1 || channels === 1) return `the ratio leaves all of its ${channels} channels`;
    const unmet = unmetBy(plan, group);
    return unmet.length === 0
      ? `its ${channels} channels are tied to one another: none can go without the rest`
      : `its ${channels} channels are tied to one another: none can go without the rest, as no smaller set was found that has equally many in each group of ${listed(unmet)}`;
  }
  return 'it has no weights of its own that make channels';
}

/** Nodes whose groups of channels were to be met in another way than by the places in them, and were not. */
function unmetBy({ trace }: EditPlan['plan'], { units: [unit] }: ChannelGroup): string[] {
  const { classes, unmet } = trace;
  const near = unmet.filter((d) => d.atoms.some((a) => classes.find(a) === unit));
  return [...new Set(near.map((d) => d.node))];
}

/** The first few. */
function listed(ids: readonly string[]): string {
  return [...ids.slice(0, MAX_LISTED), ...(ids.length > MAX_LISTED ? ['…'] : [])].join(', ');
}

const MAX_LISTED = 3;

function bytesAfter(ws: Workspace, entry: Entry, { rewritten, tracedOf }: EditPlan): number {
  const [node] = entry.nodes;
  const copies = node === undefined ? undefined : tracedOf.get(node)?.inputs;
  return (node?.inputs ?? []).reduce((sum, name, i) => {
    const settled = rewritten.names.get(copies?.[i] ?? '');
    const own = settled === undefined ? undefined : rewritten.added.find((t) => t.name === settled);
    if (own !== undefined) return sum + tensorByteLength(own);
    const binding = name === '' ? undefined : ws.resolve(entry.scope, name);
    if (binding?.kind !== 'constant') return sum;
    return sum + tensorByteLength(rewritten.tensors.get(binding.name) ?? binding.tensor);
  }, 0);
}

function apply(context: StepContext, plan: EditPlan, afterBytes: number): Outcome {
  const { scope } = plan;
  const key = `prune-channels-done\0${context.edit}\0${context.ws.scopes.indexOf(scope)}`;
  if (context.made.has(key)) return { afterBytes, warnings: [] };
  context.made.set(key, true);
  const pulled = pulledAlong(context, plan);
  applyToWorkspace(context.ws, plan);
  const warnings = plan.repaired.left.map(({ node: { name }, node: reader, reason }): Warning => {
    const node = plan.entryOf.get(reader)?.id ?? name;
    return { code: 'repair-left-out', message: `${node} is not repaired: ${reason}`, node };
  });
  const { stages } = plan.repaired;
  const said = [...warnings, ...unrepaired(context, plan), ...approximations(plan), ...gathered(plan)];
  const scores = (signal?: AbortSignal) => scoredGroups(plan, signal);
  return { afterBytes, warnings: said, pulled, repairs: stages, scores };
}

/** Of the groups that lose channels; see `AppliedRecipe.channelScores`. */
async function scoredGroups(
  { plan, importance, groupIds }: EditPlan,
  signal: AbortSignal | undefined,
): Promise<ScoredGroup[]> {
  const found: ScoredGroup[] = [];
  for (const group of plan.keep.keys()) {
    const scores = await importanceOf(importance, group, signal);
    const channels = channelsOf(importance.trace, importance.grouping, group);
    found.push({ id: groupIds.get(group) ?? '', channels, scores });
  }
  return found;
}

/** Layers of a body that calibration does not see into, where repair was asked for. */
function unrepaired(
  { ws }: StepContext,
  { scope, plan, entryOf, importance, isRepairAsked }: EditPlan,
): Warning[] {
  if (scope === ws.main || importance.seen !== undefined || !isRepairAsked) return [];
  const readers = plan.trace.readers.filter((r) => plan.isTouched(r.atoms)).map((r) => r.node);
  return [...new Set(readers)].map((reader): Warning => {
    const node = entryOf.get(reader)?.id ?? reader.name;
    const reason = 'it is inside a subgraph, where no calibration data are seen';
    return { code: 'repair-left-out', message: `${node} is not repaired: ${reason}`, node };
  });
}

/** One for each group whose removal is not exact. */
function approximations({ plan, entryOf }: EditPlan): Warning[] {
  return [...plan.keep].flatMap(([{ approximation, makers, units }, keep]): Warning[] => {
    const [maker] = makers;
    if (approximation === undefined || maker === undefined || keep === units.length) return [];
    const node = entryOf.get(maker)?.id;
    const message = `without channels of ${node ?? maker.name} the model is not exactly what it is with them zeroed: ${approximation.reason}; repair is recommended`;
    return [{ code: 'approximate-channels', message, node }];
  });
}

function gathered({ plan, entryOf }: EditPlan): Warning[] {
  const { trace } = plan;
  const ids = [...trace.gathered].flatMap(({ nodes: [, , close], input, axis }) => {
    const own = trace.valueAxes.get(input)?.[axis];
    const isChanged = isTracked(own) && plan.isTouched(own.atoms);
    return isChanged ? [entryOf.get(close)?.id ?? close.name] : [];
  });
  if (ids.length === 0) return [];
  const message = `channel shuffles become a Gather each, so that fewer channels are tied to one another: ${listed(ids)}`;
  return [{ code: 'shuffle-gathered', message, node: ids[0] }];
}

/** Layers that were not selected and get smaller all the same. */
function pulledAlong({ ws, selected }: StepContext, plan: EditPlan): PulledEntry[] {
  return plan.scope.entries.flatMap((entry) => {
    if (selected.has(entry)) return [];
    const beforeBytes = allConstantBytes(ws, entry);
    const afterBytes = bytesAfter(ws, entry, plan);
    return beforeBytes === afterBytes ? [] : [{ entry, beforeBytes, afterBytes }];
  });
}

function applyToWorkspace(ws: Workspace, { scope, rewritten, entryOf }: EditPlan): void {
  for (const [name, tensor] of rewritten.tensors) {
    const binding = ws.resolve(scope, name);
    if (binding.kind === 'constant') ws.setConstant(binding, tensor);
  }
  for (const tensor of rewritten.added) ws.addInitializer(scope, tensor);
  for (const [node, changed] of rewritten.nodes) {
    const entry = entryOf.get(node);
    if (entry === undefined) continue;
    ws.replace(
      entry,
      entry.nodes.flatMap((n) => (n === node ? changed : [n])),
    );
  }
  for (const [node, changed] of rewritten.nodes) {
    if (!entryOf.has(node)) continue;
    for (const name of node.inputs)
      if (!changed.some((n) => n.inputs.includes(name))) ws.dropIfUnused(scope, name);
  }
  for (const name of rewritten.reshaped) scope.reshaped.add(name);
}
