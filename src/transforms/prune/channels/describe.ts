/**
 * The groups of a model, to be shown: what goes together, what it weighs, and what stands in the way. Reads no weight.
 *
 *     const [group] = pruneGroups(model);
 *     // { id: 'conv1', layers: ['conv1'], pulled: ['bn1', 'conv2'], channels: 64, bytesPerChannel: 2308, … }
 */
import type { Analysis } from '../../../analysis/index.ts';
import { internals } from '../../../analysis/memory/analyze.ts';
import { elementCount, tensorByteLength } from '../../../onnx/index.ts';
import type { Model, TensorRef } from '../../../onnx/model.ts';
import { Workspace } from '../../graph/workspace.ts';
import { isTracked } from './axis.ts';
import type { Blocker } from './classes.ts';
import { channelsOf, traceModel, traceWorkspace, type Traced } from './edit-plan.ts';
import { groupIds, unitsKept, type ChannelGroup, type Grouping } from './groups.ts';
import type { Trace } from './trace.ts';

export interface PruneGroup {
  /** Id of the first layer, with a number from its second group on. */
  readonly id: string;
  /** Nodes whose own weights make these channels; selecting any of them takes the group. */
  readonly layers: readonly string[];
  /** Other nodes whose constants shrink with it. */
  readonly pulled: readonly string[];
  /** Constants that shrink. */
  readonly tensors: readonly string[];
  /** Channels of one of the layers. */
  readonly channels: number;
  /** What can go one by one: fewer than the channels where several are tied (a head, the groups of a Conv). */
  readonly units: number;
  /** Bytes of constants that one channel takes, in all tensors together. */
  readonly bytesPerChannel: number;
  /** Why none can go; undefined where they can. */
  readonly blocker: Blocker | undefined;
  /** What is not exactly the same without some; such a group goes only where an edit says `approximate`. */
  readonly approximation: Blocker | undefined;
}

/**
 * Of the main graph, then of bodies.
 * @param analysis of the same model, where it is at hand: its shapes are not inferred again
 */
export function pruneGroups(model: Model, analysis?: Analysis): PruneGroup[] {
  const main = traceModel(model, undefined, analysis && internals(analysis).inference);
  const ws = new Workspace(model);
  const bodies = ws.scopes.filter((s) => s !== ws.main).map((s) => traceWorkspace(ws, s));
  return [main, ...bodies].flatMap(groupsOf);
}

function groupsOf({ unshared, trace, grouping }: Traced): PruneGroup[] {
  const { sources } = unshared;
  const tensors = constantsOf(unshared.model, trace);
  const users = usersOf(trace);
  const groupId = groupIds(trace, grouping);
  return grouping.groups
    .filter((g) => g.makers.length > 0)
    .map((group) => {
      const layers = group.makers.map((n) => trace.ids.get(n) ?? n.name);
      const parts = partsOf(group, trace, grouping, sources);
      const channels = channelsOf(trace, grouping, group);
      const bytes = parts.reduce((sum, p) => sum + bytesOf(tensors.get(p.name)) * p.share, 0);
      const pulled = new Set(parts.flatMap((p) => p.users.flatMap((name) => users.get(name) ?? [])));
      return {
        id: groupId.get(group) ?? '',
        layers,
        pulled: [...pulled].filter((id) => !layers.includes(id)),
        tensors: [...new Set(parts.map((p) => sources.get(p.name) ?? p.name))],
        channels,
        units: group.units.length,
        bytesPerChannel: Math.round(bytes / channels),
        blocker: group.blocker,
        approximation: group.approximation,
      };
    });
}

/** How many of the group's channels an edit of that ratio leaves. */
export function channelsKept({ channels, units }: PruneGroup, ratio: number, roundTo?: number): number {
  return (channels / units) * unitsKept(units, ratio, roundTo, channels);
}

interface Part {
  readonly name: string;
  /** Of the tensor: what all channels of the group make up. */
  readonly share: number;
  /** Itself and its copies that shrink with the group. */
  readonly users: string[];
}

/** Copies of one constant count once: they shrink alike. */
function partsOf(
  group: ChannelGroup,
  trace: Trace,
  { within, groupOf }: Grouping,
  sources: ReadonlyMap<string, string>,
): Part[] {
  const parts = new Map<string, Part>();
  for (const name of trace.constants) {
    for (const [axis, own] of (trace.valueAxes.get(name) ?? []).entries()) {
      if (!isTracked(own) || !within(own.atoms).has(group.index)) continue;
      const key = `${axis} ${sources.get(name) ?? name}`;
      const known = parts.get(key);
      if (known !== undefined) known.users.push(name);
      else {
        const count = own.atoms.filter((a) => groupOf[trace.classes.find(a)] === group.index).length;
        parts.set(key, { name, share: count / own.atoms.length, users: [name] });
      }
    }
  }
  return [...parts.values()];
}

function bytesOf(tensor: TensorRef | undefined): number {
  return tensor === undefined || elementCount(tensor.dims) === 0 ? 0 : tensorByteLength(tensor);
}

export function constantsOf({ graph }: Model, { constants }: Trace): ReadonlyMap<string, TensorRef> {
  const found = new Map<string, TensorRef>();
  for (const name of constants) {
    const tensor = graph.initializers.get(name);
    if (tensor !== undefined) found.set(name, tensor);
  }
  for (const { opType, outputs, attributes } of graph.nodes) {
    const value = attributes.get('value');
    if (opType === 'Constant' && value?.kind === 'tensor') found.set(outputs[0] ?? '', value.value);
  }
  return found;
}

function usersOf({ ids, constants }: Trace): ReadonlyMap<string, readonly string[]> {
  const users = new Map<string, string[]>();
  for (const [node, id] of ids) {
    for (const name of node.inputs)
      if (constants.has(name)) users.set(name, [...(users.get(name) ?? []), id]);
  }
  return users;
}
