/** What goes together where channels are removed: every layer of the groups, its weight before and after. */
import type { Analysis } from '../../src/analysis/index.ts';
import { formatShape } from '../../src/format.ts';
import type { Model } from '../../src/onnx/index.ts';
import type { ChannelGroupView } from '../../src/protocol.ts';
import {
  channelsKept,
  type LayerChange,
  type PruneChannelsEdit,
  type PruneGroup,
} from '../../src/transforms/index.ts';

/** More than a person reads; the rest is told by the totals. */
const shownGroups = 40;

/** A model with its nodes by the ids of the original. */
export interface Side {
  readonly model: Model;
  readonly analysis: Analysis;
  readonly originalNode: (id: string) => string;
}

export interface GroupsInput {
  readonly edit: PruneChannelsEdit;
  /** Of the edit, in the order of the recipe. */
  readonly changes: readonly LayerChange[];
  /** Of the model before the edit. */
  readonly groups: readonly PruneGroup[];
  readonly before: Side;
  readonly after: Side;
  /** The original's layer of a node. */
  readonly layerOf: (node: string) => { readonly id: string; readonly name: string } | undefined;
}

type Member = ChannelGroupView['layers'][number];

/** The groups of the layers that the edit names in the order of the model, those that stay behind those that go. */
export function channelGroups(input: GroupsInput): ChannelGroupView[] {
  const { edit, groups, before } = input;
  const changes = new Map(input.changes.map((c) => [c.node, c]));
  const changeOf = (id: string): LayerChange | undefined => changes.get(before.originalNode(id));
  const places = new Map(before.analysis.nodes.map(({ id }, i) => [id, i]));
  const placeOf = (group: PruneGroup): number => places.get(group.layers[0] ?? '') ?? places.size;
  const shapes = { before: weightShapes(before), after: weightShapes(input.after) };
  return groups
    .filter((group) => group.layers.some((id) => isAskedFor(changeOf(id), edit)))
    .sort((a, b) => placeOf(a) - placeOf(b))
    .map((group) => {
      const makers = group.layers.map(changeOf);
      // a maker may have changed with another group, whose channels it reads: of this one, all lose channels
      const isSame = (node: string): boolean =>
        shapes.before(node) !== '' && shapes.before(node) === shapes.after(node);
      const isDone =
        makers.some((c) => c?.status === 'applied') &&
        !group.layers.some((id) => isSame(before.originalNode(id)));
      const approximation = edit.approximate === true ? undefined : group.approximation;
      const refusal = isDone ? undefined : makers.find((c) => c?.reason !== undefined);
      const blocked = (group.blocker ?? approximation ?? refusal)?.reason;
      const member = (id: string, isMaker: boolean): Member => {
        const node = before.originalNode(id);
        const layer = input.layerOf(node);
        const was = shapes.before(node);
        const is = blocked === undefined ? shapes.after(node) : was;
        return { layerId: layer?.id ?? node, name: layer?.name ?? node, isMaker, before: was, after: is };
      };
      const kept = isDone ? channelsKept(group, ratioOf(group, edit, before), edit.roundTo) : group.channels;
      return {
        channels: { before: group.channels, after: kept },
        layers: oncePerLayer([
          ...group.layers.map((id) => member(id, true)),
          ...group.pulled.map((id) => member(id, false)),
        ]),
        blocked,
        ...(group.blocker === undefined && approximation !== undefined ? { canGoApproximately: true } : {}),
      };
    })
    .sort((a, b) => Number(a.blocked !== undefined) - Number(b.blocked !== undefined))
    .slice(0, shownGroups);
}

/** The edit names groups by the original's nodes. */
function ratioOf({ id, layers: [first = ''] }: PruneGroup, edit: PruneChannelsEdit, before: Side): number {
  return edit.ratios?.[before.originalNode(first) + id.slice(first.length)] ?? edit.ratio;
}

/** A bias of its own node goes with the layer's weight. */
function oncePerLayer(members: readonly Member[]): Member[] {
  const first = new Map<string, Member>();
  for (const member of members) if (!first.has(member.layerId)) first.set(member.layerId, member);
  return [...first.values()];
}

/** Not those that an edit of another layer pulls along. */
function isAskedFor(change: LayerChange | undefined, { layers }: PruneChannelsEdit): boolean {
  if (change === undefined) return false;
  return 'nodes' in layers ? layers.nodes.includes(change.node) : true;
}

/** Of the largest constant of each node, by the node's id in the original. */
function weightShapes({ model, analysis, originalNode }: Side): (node: string) => string {
  const constants = constantDims(model);
  const shapes = new Map<string, readonly number[]>();
  for (const { id, weights } of analysis.nodes) {
    const dims = weights.flatMap((name) => [constants.get(name) ?? []]);
    const largest = dims.reduce<readonly number[]>((a, b) => (count(b) > count(a) ? b : a), []);
    const node = originalNode(id);
    if (count(largest) > count(shapes.get(node) ?? [])) shapes.set(node, largest);
  }
  return (node) => {
    const dims = shapes.get(node);
    return dims === undefined ? '' : formatShape(dims);
  };
}

function constantDims({ graph }: Model): ReadonlyMap<string, readonly number[]> {
  const found = new Map([...graph.initializers].map(([name, tensor]) => [name, tensor.dims]));
  for (const { opType, outputs, attributes } of graph.nodes) {
    const value = attributes.get('value');
    const [name] = outputs;
    if (opType === 'Constant' && value?.kind === 'tensor' && name !== undefined)
      found.set(name, value.value.dims);
  }
  return found;
}

/** 0 of no dims: a scalar is no weight. */
function count(dims: readonly number[]): number {
  return dims.length === 0 ? 0 : dims.reduce((n, d) => n * d, 1);
}
