/**
 * What an operator's rule sees and gives. A rule is a function of a node in its context: it reads input types,
 * attributes and known content, and returns one type per output, e.g.
 *
 *     Relu: (c) => [tensor(c.elem(0), c.shape(0))]
 *
 * It never throws on what it does not know (it returns {@link unknown} parts); it throws {@link ShapeError} on what
 * cannot be right.
 */
import type { Graph, Node, TensorRef } from '../../onnx/model.ts';
import { isUnknown, unknown } from '../dim.ts';
import type { GraphInference, InferredType, KnownContent } from '../inference.ts';
import type { Dim, Shape, Unknown } from '../types.ts';

export type TensorType = Extract<InferredType, { kind: 'tensor' }>;

/** Dims of known rank. */
export type Dims = readonly Dim[];

export interface RuleContext {
  readonly node: Node;
  /** Version of the node's domain that is in force. */
  readonly version: number;
  readonly inputCount: number;
  readonly outputCount: number;
  /** True where input `i` is given. */
  has(i: number): boolean;
  /** True where output `i` is asked for. */
  wants(i: number): boolean;
  type(i: number): InferredType | undefined;
  /** Element type of tensor input `i` (of sparse and optional tensors too); 0 where unknown. */
  elem(i: number): number;
  /** Shape of tensor input `i`; unknown, with the reason, where it is no tensor or absent. */
  shape(i: number): Shape;
  /** The shape where its rank is known. */
  dims(i: number): Dims | undefined;
  content(i: number): KnownContent | undefined;
  /** True where content(i) would give something; does not read it. */
  hasContent(i: number): boolean;
  int(name: string): number | undefined;
  int(name: string, fallback: number): number;
  ints(name: string): readonly number[] | undefined;
  float(name: string, fallback: number): number;
  floats(name: string): readonly number[] | undefined;
  text(name: string, fallback: string): string;
  strings(name: string): readonly string[] | undefined;
  tensorAttribute(name: string): TensorRef | undefined;
  hasAttribute(name: string): boolean;
  attribute(name: string): Node['attributes'] extends ReadonlyMap<string, infer A> ? A | undefined : never;
  /**
   * A dim that only running tells: a derived symbol named after output `output`, with an upper bound where there is one.
   * The same `label` gives the same symbol.
   */
  derived(output: number, label: string, bound?: Dim): Dim;
  /**
   * What a condition of the dims is at the sizes that the symbols begin with: for choices that no formula can tell.
   * Undefined where only running tells.
   */
  assume(condition: Dim): number | undefined;
  /** True where no symbol of the dim is a derived one. */
  isFree(dim: Dim): boolean;
  /**
   * Infers the subgraph `attribute` with these input types; undefined where there is no such graph. What the last call
   * for an attribute finds is what stays. `taken: false`: a branch that is known never to run; it is inferred all the
   * same, but what is wrong in it is nothing to report.
   */
  subgraph(
    attribute: string,
    inputs: readonly InferredType[],
    options?: SubgraphOptions,
  ): SubgraphResult | undefined;
  graphAttribute(name: string): Graph | undefined;
}

export interface SubgraphOptions {
  readonly taken?: boolean;
}

export interface SubgraphResult {
  readonly inference: GraphInference;
  readonly outputs: readonly InferredType[];
  /** Something in it contradicts itself. */
  readonly failed: boolean;
  /** To call where it turns out that it never runs. */
  abandon(): void;
}

export type Rule = (c: RuleContext) => readonly InferredType[];

/** A rule for all versions, or rules with the version each begins at, ascending. */
export type RuleEntry = Rule | readonly (readonly [sinceVersion: number, rule: Rule])[];

/** Rules of one family, by operator. */
export type RuleTable = Readonly<Record<string, RuleEntry>>;

/** What a model says cannot be so. The message says what and why, for a person. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

export function tensor(elemType: number, shape: Shape, content?: KnownContent): TensorType {
  return content === undefined
    ? { kind: 'tensor', elemType, shape }
    : { kind: 'tensor', elemType, shape, content };
}

/** A tensor of known type and unknown rank. */
export function ofUnknownRank(elemType: number, reason: string): TensorType {
  return tensor(elemType, unknown(reason));
}

/** A shape of known rank, no dim of which is known. */
export function unknownDims(rank: number, reason: string): Dims {
  return Array<Dim>(rank).fill(unknown(reason));
}

export function isTensor(t: InferredType | Unknown | undefined): t is TensorType {
  return t?.kind === 'tensor';
}

/** The dims of a shape, or undefined where the rank is unknown. */
export function dimsOf(shape: Shape): Dims | undefined {
  return isUnknown(shape) ? undefined : shape;
}

/** `axis` as an index from the front. */
export function normalizeAxis(axis: number, rank: number): number {
  const a = axis < 0 ? axis + rank : axis;
  if (a < 0 || a >= rank) throw new ShapeError(`axis ${axis} is out of range for rank ${rank}`);
  return a;
}

/** The dims with the one at `axis` replaced. */
export function withDim(dims: Dims, axis: number, dim: Dim): Dims {
  return dims.map((d, i) => (i === axis ? dim : d));
}

/** Output 0 has the type of input `i`. */
export function sameAs(i: number): Rule {
  return (c) => [tensor(c.elem(i), c.shape(i))];
}

/** Output 0 has the shape of input 0 and this element type. */
export function sameShape(elemType: number): Rule {
  return (c) => [tensor(elemType, c.shape(0))];
}

/** Why a type is not fully known; undefined where it is. */
export function unknownReason(type: InferredType | Unknown): string | undefined {
  if (type.kind === 'unknown') return type.reason;
  if (type.kind === 'sequence' || type.kind === 'optional')
    return isUnknown(type.elem) ? type.elem.reason : undefined;
  if (type.kind !== 'tensor') return undefined;
  if (isUnknown(type.shape)) return type.shape.reason;
  for (const d of type.shape) if (typeof d !== 'number' && d.kind === 'unknown') return d.reason;
  return type.elemType === 0 ? 'element type is not known' : undefined;
}
