/** What a rule is told of a node, and what it can say of its dims. */
import type { Dim } from '../../../analysis/types.ts';
import type { Node, TensorRef } from '../../../onnx/model.ts';
import type { Axis } from './axis.ts';

/** The dims of each output; an output left out has dims that must stay. */
export type Rule = (c: RuleContext) => readonly (readonly Axis[])[];
export type RuleTable = Readonly<Record<string, Rule>>;

/** A weight that reads channels: its values along one axis are multiplied by theirs and summed. */
export interface Reader {
  readonly kind: 'rows' | 'patches';
  /** The value that holds the channels, and which of its dims they are. */
  readonly input: string;
  readonly inputAxis: number;
  /** Place of the weight among the node's inputs, and its dim that is summed over. */
  readonly weight: number;
  readonly weightAxis: number;
  readonly atoms: Int32Array;
  /** Of a Conv; as in `Axis`. */
  readonly groups?: number | undefined;
}

export interface RuleContext {
  readonly node: Node;
  /** Version of the node's domain. */
  readonly version: number;
  has(input: number): boolean;
  /** Dims of an input. @throws Refusal where its rank is unknown */
  dims(input: number): readonly Dim[];
  axes(input: number): readonly Axis[];
  /** @throws Refusal where the rank is unknown */
  outDims(output: number): readonly Dim[];
  /** The integers of an input that are known. @throws Refusal where not all are */
  ints(input: number, label: string): readonly number[];
  /** Elements of an input; undefined where unknown, an Unknown where one element is. */
  content(input: number): readonly Dim[] | undefined;
  isConstant(input: number): boolean;
  /** Dims whose sizes a computed shape holds. */
  sizesIn(input: number): readonly Int32Array[];
  /** The dims are one: united index by index. Where one must stay, all must. Zero where all are. */
  join(axes: readonly Axis[]): Axis;
  uniteAll(atoms: Iterable<number>): void;
  /**
   * Each of `groups` equal parts of `atoms` must lose as many as the others: those at the same place of each are united,
   * or, where a shuffle would then tie too many, any that go together are found in the end.
   * @param side of the node; `weight` is the input whose dim 1 holds the channels that it reads
   * @returns whether those at the same place are united
   */
  evenly(
    atoms: Int32Array,
    groups: number,
    side: { readonly name: 'made' } | { readonly name: 'read'; readonly weight: number },
  ): boolean;
  block(axis: Axis | undefined, reason: string): void;
  /** What the node gives for the others is not exactly the same without indices of this dim. */
  approximates(axis: Axis, reason: string): void;
  /** The constant of that input is multiplied by √(size before / after) of `atoms`, its own. */
  scale(input: number, atoms: Int32Array): void;
  /** Output 0 is the mean of input 0, and is taken from it by each node that reads it. */
  readonly isSubtracted: boolean;
  /** Input 1 is the mean of input 0. */
  readonly subtractsMean: boolean;
  elemType(input: number): number | undefined;
  /** A dim that must stay because of what this node does with it. */
  stays(reason: string): Axis;
  fresh(n: number): Int32Array;
  /** Atoms whose number matters to the node (the indices before a Slice's start, say). */
  register(atoms: Int32Array): Int32Array;
  sameClass(a: number, b: number): boolean;
  isBlocked(axis: Axis): boolean;
  /** These are output channels of the node's own weights: selecting the node selects them. */
  makes(axis: Axis | undefined): void;
  reads(reader: Reader): void;
  /** A BatchNormalization's scale per channel. */
  scales(input: number, atoms: Int32Array): void;
  /** How the node changes once channels are gone; called only if one of `atoms` is. */
  rewrite(atoms: readonly Int32Array[], change: Rewrite): void;
  /** Which of `sizes` (factors of one dim) shrinks: see `axis.ts`. */
  preferred(key: string): number | undefined;
  prefer(axis: Axis | undefined): void;
  readonly id: string;
}

export interface Rewriter {
  /** How many of these are left. */
  count(atoms: Int32Array): number;
  /** Name of a new scalar constant of that float type. */
  float(value: number, dataType: number, suffix: string): string;
  /** Name of a new int64 [n] (or scalar) constant. */
  ints(values: readonly number[], suffix: string): string;
  /** Name of a new constant whose data are made later. */
  constant(tensor: Omit<TensorRef, 'name'>, suffix: string): string;
  /** Positions of `atoms` that stay, once importance is known. */
  kept(atoms: Int32Array, signal?: AbortSignal): Promise<Int32Array>;
  value(suffix: string): string;
}

/** The nodes that take the node's place. */
export type Rewrite = (node: Node, w: Rewriter) => readonly Node[];

/** A rule does not know this form of the operator. */
export class Refusal extends Error {}
