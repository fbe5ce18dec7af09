/** What a rule is told of a node whose outputs' spread it works out. */
import type { Dim } from '../../../../analysis/types.ts';
import type { Node } from '../../../../onnx/model.ts';
import type { WeightSource } from '../../../weights/stream.ts';
import { Unfit, type Spread } from './spread.ts';

export interface FlowContext {
  readonly node: Node;
  readonly version: number;
  readonly signal: AbortSignal | undefined;
  has(input: number): boolean;
  spread(input: number): Promise<Spread>;
  /** @throws Unfit where the rank is unknown */
  dims(input: number): readonly Dim[];
  outDims(output: number): readonly Dim[];
  /** Undefined where not all are known. */
  ints(input: number): readonly number[] | undefined;
  numbers(input: number): readonly number[] | undefined;
  /** A constant, to be streamed. */
  weight(input: number): WeightSource | undefined;
  /** Few numbers: a bias, a scale. @throws Unfit where they are not constant */
  values(input: number): Promise<Float64Array>;
}

/** Spreads of the first outputs; of those left out nothing is known. */
export type FlowRule = (c: FlowContext) => Promise<readonly Spread[]> | readonly Spread[];
export type FlowTable = Readonly<Record<string, FlowRule>>;

export function axisIn(axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (at < 0 || at >= rank) throw new Unfit();
  return at;
}

/** Of a sum over a dim whose size is not known; only how it compares between heads matters. */
const USUAL_LENGTH = 128;

export function lengthOf(dim: Dim | undefined): number {
  return typeof dim === 'number' ? dim : USUAL_LENGTH;
}
