/**
 * Traces channels, and where a shuffle or groups of convolutions tie more of them to one another than they need to, once
 * more: the shuffle taken as a Gather, and which channels of the groups go together found in the end (`pairing.ts`).
 * What frees nothing that way stays as it is.
 *
 *     const trace = traceChannels(model, ids);
 *     trace.valueAxes.get('conv1.weight'); // [{ atoms: [0, 1, …] }, …]
 */
import { isUnknown } from '../../../analysis/dim.ts';
import type { ModelInference } from '../../../analysis/inference.ts';
import { inferShapes } from '../../../analysis/shapes/index.ts';
import type { Dim } from '../../../analysis/types.ts';
import type { Model, Node } from '../../../onnx/model.ts';
import { isTracked } from './axis.ts';
import { groupChannels, type Grouping } from './groups.ts';
import { findShuffles, type Shuffle } from './shuffle.ts';
import { NOTHING_UNTIED, Tracer, type Preferences, type Trace, type Untied } from './trace.ts';

/** Heads show only after the Reshape that makes them; then the trace begins anew. */
const MAX_PASSES = 4;
/** How often what frees nothing is left out, before all of it is. */
const MAX_TRIES = 4;

export function traceChannels(
  model: Model,
  ids: ReadonlyMap<Node, string>,
  inference: ModelInference = inferShapes(model),
): Trace {
  const run = (untied: Untied): Trace => traceWith(model, ids, inference, untied);
  const plain = run(NOTHING_UNTIED);
  const shuffles = findShuffles(model.graph, (name) => dimsOf(inference, name));
  let left = knotsOf(plain, shuffles);
  const failed = new Set<string>();
  const said = (trace: Trace): Trace => ({ ...trace, unmet: trace.demands.filter((d) => failed.has(d.key)) });
  for (let n = 0; n < MAX_TRIES && sizeOf(left) > 0; n++) {
    const trace = run(left);
    for (const { key } of trace.unmet) failed.add(key);
    const { freed, kept } = compared(left, plain, trace);
    const isSettled = sizeOf(kept) === sizeOf(left);
    if (isSettled && freed > 0) return said(trace);
    if (isSettled || freed === 0) break;
    left = kept;
  }
  return said(plain);
}

function traceWith(
  model: Model,
  ids: ReadonlyMap<Node, string>,
  inference: ModelInference,
  untied: Untied,
): Trace {
  const preferences: Preferences = new Map();
  for (let pass = 1; ; pass++) {
    const before = preferences.size;
    const trace = new Tracer(model, inference, ids, preferences, untied).run();
    if (preferences.size === before || pass === MAX_PASSES) return trace;
  }
}

function dimsOf(inference: ModelInference, name: string): readonly Dim[] | undefined {
  const type = inference.main.values.get(name);
  return type?.kind === 'tensor' && !isUnknown(type.shape) ? type.shape : undefined;
}

function sizeOf({ shuffles, demands }: Untied): number {
  return shuffles.size + demands.size;
}

/** Shuffles and groups with more channels in one class than they tie themselves, and groups that share classes with them. */
function knotsOf(trace: Trace, shuffles: readonly Shuffle[]): Untied {
  const tied = shuffles.filter((s) => largest(trace, shuffleAtoms(trace, s)) > s.tied);
  const demands = trace.demands.filter((d) => largest(trace, d.atoms) > d.groups);
  const classes = new Set<number>();
  const reach = (atoms: Iterable<number>): void => {
    for (const atom of atoms) classes.add(trace.classes.find(atom));
  };
  for (const shuffle of tied) reach(shuffleAtoms(trace, shuffle));
  for (const { atoms } of demands) reach(atoms);
  const near = new Set(demands);
  for (let size = -1; size < near.size;) {
    size = near.size;
    for (const demand of trace.demands) {
      if (near.has(demand) || !demand.atoms.some((a) => classes.has(trace.classes.find(a)))) continue;
      near.add(demand);
      reach(demand.atoms);
    }
  }
  return { shuffles: new Set(tied), demands: new Set([...near].map((d) => d.key)) };
}

function shuffleAtoms({ valueAxes }: Trace, { input, axis }: Shuffle): Int32Array {
  const own = valueAxes.get(input)?.[axis];
  return isTracked(own) ? own.atoms : new Int32Array(0);
}

/** How many of the atoms are in one class at most. */
function largest({ classes }: Trace, atoms: Int32Array): number {
  const counts = new Map<number, number>();
  for (const atom of atoms) counts.set(classes.find(atom), (counts.get(classes.find(atom)) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}

/** Of what was untied: shuffles of whose channels more can go than before, and groups of whose channels no fewer can. */
function compared(
  { shuffles, demands }: Untied,
  before: Trace,
  after: Trace,
): { readonly freed: number; readonly kept: Untied } {
  const [a, b] = [groupChannels(before), groupChannels(after)];
  let freed = 0;
  const gain = (atomsIn: (trace: Trace) => Int32Array): number => {
    const more = most(after, b, atomsIn(after)) - most(before, a, atomsIn(before));
    if (more > 0) freed++;
    return more;
  };
  const demandAtoms = (key: string) => (trace: Trace) =>
    trace.demands.find((d) => d.key === key)?.atoms ?? new Int32Array(0);
  const kept = {
    shuffles: new Set([...shuffles].filter((s) => gain((trace) => shuffleAtoms(trace, s)) > 0)),
    demands: new Set([...demands].filter((key) => gain(demandAtoms(key)) >= 0)),
  };
  return { freed, kept };
}

/** How many of the atoms can go at most: one unit of each group stays. */
function most({ classes }: Trace, { groups, groupOf }: Grouping, atoms: Int32Array): number {
  let count = 0;
  for (const atom of atoms) {
    const group = groups[groupOf[classes.find(atom)] ?? -1];
    if (group !== undefined && group.blocker === undefined)
      count += (group.units.length - 1) / group.units.length;
  }
  return count;
}
