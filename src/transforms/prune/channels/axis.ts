/** One dim of one value, as the trace of dims sees it. */
import type { Blocker } from './classes.ts';

/** A factor of a dim that a Reshape took apart: it was not chosen to be the one that can shrink. */
export interface Factor {
  /** The Reshape, and which of its dims. */
  readonly split: string;
  readonly factor: number;
}

export interface Axis {
  /** Atom of each index; undefined where the dim must stay as it is. One array for all values that share the dim. */
  readonly atoms: Int32Array | undefined;
  /** With every weight zeroed at the removed indices, the values there are zero, too. */
  readonly zero: boolean;
  /** Only a size in a shape makes it so long (Expand, ConstantOfShape): every index holds the same. */
  readonly isFill?: boolean | undefined;
  readonly factor?: Factor | undefined;
  /**
   * Of the weight of a Conv with so many groups, the channels that it reads: those of one group after those of another.
   * Where an output stands among the outputs decides which of them the dim's `atoms.length / groups` indices are.
   */
  readonly groups?: number | undefined;
  /** Why it must stay. */
  readonly why?: Blocker | undefined;
}

export type Tracked = Axis & { readonly atoms: Int32Array };

/** Indices of the dim itself, of `count` of its atoms. */
export function indicesOf({ groups = 1 }: Axis, count: number): number {
  return count / groups;
}

export const FIXED: Axis = { atoms: undefined, zero: false };

export function fixed(node: string | undefined, reason: string): Axis {
  return { atoms: undefined, zero: false, why: { node, reason } };
}

export function isTracked(axis: Axis | undefined): axis is Tracked {
  return axis?.atoms !== undefined;
}

export function withZero(axis: Axis, zero: boolean): Axis {
  return axis.zero === zero ? axis : { ...axis, zero };
}
