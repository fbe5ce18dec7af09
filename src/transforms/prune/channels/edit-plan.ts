/** The plan of one edit: which groups it takes, how many units of each stay, and what the graph becomes. Made once. */
import { isUnknown, sameDim } from '../../../analysis/dim.ts';
import type { ModelInference } from '../../../analysis/inference.ts';
import { inferShapes } from '../../../analysis/shapes/index.ts';
import { nodeIds, type Model, type Node, type TensorRef } from '../../../onnx/model.ts';
import type { StepContext } from '../../context.ts';
import { currentModel } from '../../graph/current.ts';
import { Workspace, type Entry, type Scope } from '../../graph/workspace.ts';
import { layerMatcher } from '../../layer-matcher.ts';
import type { PruneChannelsEdit } from '../../recipe/recipe.ts';
import { isTracked } from './axis.ts';
import type { Blocker } from './classes.ts';
import { groupChannels, groupIds, unitsKept, type ChannelGroup, type Grouping } from './groups.ts';
import { groupReaders, scaleParts, selectionBy, type ImportanceContext } from './importance.ts';
import { ChannelPlan } from './plan.ts';
import { canReconstruct } from './reconstruction.ts';
import { repairs, type Repairs } from './repair/repair.ts';
import type { AroundBody } from './repair/rounds.ts';
import { firstMismatch, rewriteGraph } from './rewrite.ts';
import { elementBytes } from './select-tensor.ts';
import { seenBody } from '../seen-body.ts';
import { settle, type Settled } from './settle.ts';
import type { Trace } from './trace.ts';
import { traceChannels } from './untie.ts';
import { unshareConstants, type Unshared } from './unshare.ts';

export interface EditPlan {
  /** The graph that it is about. */
  readonly scope: Scope;
  readonly plan: ChannelPlan;
  readonly rewritten: Settled;
  readonly repaired: Repairs;
  readonly isRepairAsked: boolean;
  readonly importance: ImportanceContext;
  /** As `pruneGroups` names them. */
  readonly groupIds: ReadonlyMap<ChannelGroup, string>;
  /** By node as it is now, or as the trace has it. */
  readonly entryOf: ReadonlyMap<Node, Entry>;
  /** The node as the trace has it. */
  readonly tracedOf: ReadonlyMap<Node, Node>;
  readonly groupsOf: ReadonlyMap<Entry, readonly ChannelGroup[]>;
  /** Why a group that was asked for stays whole. */
  readonly blockers: ReadonlyMap<ChannelGroup, Blocker>;
}

export interface Traced {
  /** Without shared constants of one dim. */
  readonly unshared: Unshared;
  readonly trace: Trace;
  readonly grouping: Grouping;
}

/** By graph of models that no edit has touched. */
const traced = new WeakMap<Model, Traced>();

/** @param scope the main graph or a body: channels do not go beyond it */
export function editPlan(context: StepContext, edit: PruneChannelsEdit, scope: Scope): EditPlan {
  const key = `prune-channels\0${context.edit}\0${context.ws.scopes.indexOf(scope)}`;
  const known = context.made.get(key) as
    { readonly of: PruneChannelsEdit; readonly plan: EditPlan } | undefined;
  if (known?.of === edit) return known.plan;
  const plan = makePlan(context, edit, scope);
  context.made.set(key, { of: edit, plan });
  return plan;
}

/** A graph as earlier edits left it. */
export function traceWorkspace(
  ws: Workspace,
  scope: Scope,
): Traced & { readonly entryOf: ReadonlyMap<Node, Entry> } {
  const { model, isOriginal, entryOf: own } = currentModel(ws, scope);
  const entryOf = new Map(own);
  const ids = new Map([...entryOf].map(([node, entry]) => [node, entry.id]));
  const found = traced.get(model) ?? traceModel(model, ids);
  if (isOriginal) traced.set(model, found);
  for (const [node, given] of found.unshared.given) {
    const entry = entryOf.get(given);
    if (entry !== undefined) entryOf.set(node, entry);
  }
  return { ...found, entryOf };
}

export function traceModel(
  model: Model,
  ids: ReadonlyMap<Node, string> = idsOf(model),
  inference?: ModelInference,
): Traced {
  const unshared = unshareConstants(model);
  const { given } = unshared;
  const own = new Map(ids);
  for (const [node, before] of given) {
    own.set(node, ids.get(before) ?? before.name);
    own.delete(before);
  }
  const trace = traceChannels(unshared.model, own, given.size === 0 ? inference : undefined);
  return { unshared, trace, grouping: groupChannels(trace) };
}

function makePlan(context: StepContext, edit: PruneChannelsEdit, scope: Scope): EditPlan {
  const { ws, calibration } = context;
  const { unshared, trace, grouping, entryOf } = traceWorkspace(ws, scope);
  const { model, sources } = unshared;
  const groupsOf = new Map<Entry, readonly ChannelGroup[]>();
  for (const [node, arrays] of trace.made) {
    const entry = entryOf.get(node);
    const own = new Set(arrays.flatMap((atoms) => [...grouping.within(atoms)]));
    if (entry !== undefined)
      groupsOf.set(
        entry,
        [...own].flatMap((g) => grouping.groups[g] ?? []),
      );
  }
  // as they are now: when they are read, the edit has replaced them
  const before = new Map<string, TensorRef>();
  for (const name of trace.constants) {
    const binding = ws.resolve(scope, sources.get(name) ?? name);
    if (binding.kind === 'constant') before.set(name, binding.tensor);
  }
  const tensor = (name: string): TensorRef | undefined => before.get(name);
  const importance: ImportanceContext = {
    model: ws.model,
    trace,
    grouping,
    tensor,
    importance: edit.importance,
    seed: edit.seed,
    calibration,
    seen: seenBody(scope),
  };
  const matches = layerMatcher(edit.layers);
  const wanted = new Set([...groupsOf].flatMap(([entry, groups]) => (matches(entry.id) ? groups : [])));
  const blockers = new Map<ChannelGroup, Blocker>();
  const keep = new Map<ChannelGroup, number>();
  const ids = groupIds(trace, grouping);
  const ratioOf = (group: ChannelGroup): number => edit.ratios?.[ids.get(group) ?? ''] ?? edit.ratio;
  for (const group of wanted) {
    const approximation = edit.approximate === true ? undefined : group.approximation;
    const blocker = group.blocker ?? approximation ?? obstacle(importance, group);
    if (blocker !== undefined) blockers.set(group, blocker);
    else
      keep.set(
        group,
        unitsKept(group.units.length, ratioOf(group), edit.roundTo, channelsOf(trace, grouping, group)),
      );
  }
  const select = selectionBy(importance);
  const isSeen = scope === ws.main || importance.seen !== undefined;
  const repair = isSeen ? (edit.repair ?? 'none') : 'none';
  const around = repair === 'none' ? undefined : aroundBody(context, edit, scope);
  const isPrunedInside = (node: Node): boolean => {
    const entry = entryOf.get(node);
    return entry !== undefined && entriesInside(entry).some((e) => matches(e.id));
  };
  const isOriginal = sameValues(ws, scope, model, trace);
  for (;;) {
    const plan = new ChannelPlan(trace, grouping, keep, select);
    const repaired = repairs({
      ...importance,
      ...{ plan, repair, edit: context.edit, values: context.repaired, isOriginal, around, isPrunedInside },
    });
    const rewritten = rewriteGraph(
      plan,
      { unique: (base) => ws.uniqueName(base), tensor, model: ws.model },
      repaired,
    );
    const wrong = keep.size === 0 ? undefined : firstMismatch(plan, model, rewritten);
    if (wrong === undefined) {
      const settled = settle(rewritten, unshared, plan, repaired, (base) => ws.uniqueName(base));
      const tracedOf = new Map([...unshared.given].map(([node, given]) => [given, node]));
      const isRepairAsked = (edit.repair ?? 'none') !== 'none';
      return {
        scope,
        isRepairAsked,
        plan,
        rewritten: settled,
        repaired,
        importance,
        groupIds: ids,
        entryOf,
        tracedOf,
        groupsOf,
        blockers,
      };
    }
    refuse(wrong, trace, grouping, keep, blockers);
  }
}

function idsOf({ graph }: Model): Map<Node, string> {
  const ids = nodeIds(graph.nodes);
  return new Map(graph.nodes.map((n, i) => [n, ids[i] ?? n.name]));
}

/** Where repair has come to when the body runs; undefined for the main graph. */
function aroundBody(context: StepContext, edit: PruneChannelsEdit, scope: Scope): AroundBody | undefined {
  const { parent } = scope;
  if (parent === undefined) return undefined;
  const { repaired, entryOf, plan } = editPlan(context, edit, parent);
  const isHolder = (node: Node): boolean => entryOf.get(node)?.bodies.some((b) => b.scope === scope) === true;
  const holder = plan.trace.inference.main.order.find(isHolder);
  return holder === undefined ? undefined : repaired.aroundBodies?.(holder);
}

function entriesInside({ bodies }: Entry): Entry[] {
  return bodies.flatMap(({ scope }) => scope.entries.flatMap((e) => [e, ...entriesInside(e)]));
}

/** Whether a value has the shape it has in the model as given, which is what calibration runs. */
function sameValues(ws: Workspace, scope: Scope, model: Model, trace: Trace): (value: string) => boolean {
  if (ws.model === model) return () => true;
  const before = lazyValue(() => {
    const untouched = new Workspace(ws.model);
    const own = untouched.scopes[ws.scopes.indexOf(scope)];
    return inferShapes(currentModel(untouched, own).model).main.values;
  });
  return (value) => {
    const [a, b] = [before().get(value), trace.inference.main.values.get(value)];
    if (a?.kind !== 'tensor' || b?.kind !== 'tensor' || isUnknown(a.shape) || isUnknown(b.shape))
      return false;
    const { shape } = b;
    return a.shape.length === shape.length && a.shape.every((d, k) => sameDim(d, shape[k] ?? 0));
  };
}

function lazyValue<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Why importance cannot be told, or an index not be taken out. */
function obstacle(context: ImportanceContext, group: ChannelGroup): Blocker | undefined {
  const { trace, grouping, importance } = context;
  if (importance === 'batch-norm' && scaleParts(context, group).length === 0)
    return {
      node: undefined,
      reason: 'no BatchNormalization scales these channels: choose another importance',
    };
  if (importance === 'activation' && groupReaders(context, group).length === 0)
    return {
      node: undefined,
      reason: 'no layer with weights reads these channels: choose another importance',
    };
  if (importance === 'reconstruction' && !canReconstruct(context, group))
    return {
      node: undefined,
      reason: 'no layer that could be fitted anew reads these channels: choose another importance',
    };
  for (const name of trace.constants) {
    const touches = (trace.valueAxes.get(name) ?? []).some(
      (a) => isTracked(a) && grouping.within(a.atoms).has(group.index),
    );
    const tensor = touches ? context.tensor(name) : undefined;
    if (tensor !== undefined && elementBytes(tensor.dataType) === undefined)
      return { node: undefined, reason: `"${name}" has elements smaller than a byte` };
  }
  return undefined;
}

/** Channels of the layer that makes them: several for each unit where some are tied (heads, groups of a Conv). */
export function channelsOf(trace: Trace, grouping: Grouping, group: ChannelGroup): number {
  const arrays = group.makers.flatMap((node) => trace.made.get(node) ?? []);
  for (const atoms of arrays) {
    const own = atoms.filter((a) => grouping.groupOf[trace.classes.find(a)] === group.index).length;
    if (own > 0) return own;
  }
  return group.units.length;
}

/** A shape did not come out as planned: nothing that leads there is touched. */
function refuse(
  value: string,
  trace: Trace,
  grouping: Grouping,
  keep: Map<ChannelGroup, number>,
  blockers: Map<ChannelGroup, Blocker>,
): void {
  const producer = [...trace.ids.keys()].find((n) => n.outputs.includes(value));
  const names = [value, ...(producer?.inputs ?? [])];
  const arrays = names.flatMap((name) => (trace.valueAxes.get(name) ?? []).filter(isTracked));
  const near = new Set(arrays.flatMap((a) => [...grouping.within(a.atoms)]));
  const blamed = [...keep.keys()].filter((g) => near.has(g.index));
  const id = producer === undefined ? undefined : trace.ids.get(producer);
  const reason = `the shape of "${value}" would not be what is expected`;
  for (const group of blamed.length > 0 ? blamed : [...keep.keys()]) {
    keep.delete(group);
    blockers.set(group, { node: id, reason });
  }
}
