/** Which bodies calibration sees into, and how it names what is there. */
import { bodyValue, type Calibration, type GramTarget } from '../../analysis/calibration.ts';
import { OnnxError } from '../../onnx/index.ts';
import type { Scope } from '../graph/workspace.ts';

/** A body that the main graph runs. */
export interface SeenBody {
  /** Of the node and its attribute: `if/then_branch`. */
  readonly id: string;
  /** So many axes come first: one of a Loop or Scan, and one where there is any around a body further inside. */
  readonly turns: 0 | 1;
}

/** Undefined for the main graph, and for bodies that are not, all the way up, of If, Loop or Scan. */
export function seenBody(scope: Scope): SeenBody | undefined {
  let id: string | undefined;
  let turns: SeenBody['turns'] = 0;
  for (let at = scope; at.parent !== undefined; at = at.parent) {
    const holder = at.parent.entries.find((e) => e.bodies.some((b) => b.scope === at));
    const body = holder?.bodies.find((b) => b.scope === at);
    const { opType = '', domain = '' } = holder?.original ?? {};
    if (holder === undefined || body === undefined || domain !== '') return undefined;
    if (!['If', 'Loop', 'Scan'].includes(opType)) return undefined;
    id ??= `${holder.id}/${body.attribute}`;
    if (opType !== 'If') turns = 1;
  }
  return id === undefined ? undefined : { id, turns };
}

/** As calibration names the value `name` of the graph: of the main graph, where `seen` is undefined. */
export function seenValue(name: string, seen: SeenBody | undefined): string {
  return seen === undefined ? name : bodyValue(seen.id, name);
}

export function seenAxis(axis: number, seen: SeenBody | undefined): number {
  return axis < 0 ? axis : axis + (seen?.turns ?? 0);
}

export function seenRows(target: GramTarget, seen: SeenBody | undefined): GramTarget {
  const { turns = 0 } = seen ?? {};
  return target.kind === 'rows' || turns === 0 ? target : { ...target, turns };
}

/** @param says what to say where no data ran, and where none of them comes to the value */
export function notSeen(
  calibration: Calibration | undefined,
  tensor: string,
  says: { readonly missing: string; readonly unreached: string },
  node: string | undefined,
): OnnxError {
  const isUnreached = calibration?.statistics(tensor)?.count === 0;
  return new OnnxError('unsupported', isUnreached ? says.unreached : says.missing, { node });
}
