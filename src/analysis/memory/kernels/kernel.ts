/** What a rule for a kernel's memory sees and gives. */
import type { Draft } from '../runtime.ts';
import { dimsOfValue } from '../values.ts';
import type { Value } from '../values.ts';

export interface KernelContext {
  readonly node: Draft;
  /** Threads of ONNX Runtime's pool for work within an operator. */
  readonly threads: number;
  /** Sizes at the chosen dims; empty where the rank is not known, NaN where a dim has no size. */
  inputDims(i: number): readonly number[];
  outputDims(i: number): readonly number[];
  inputBytes(i: number): number;
  outputBytes(i: number): number;
}

/**
 * The allocations that a kernel holds at once beside its outputs and gives back at its end, in bytes; `reserved`: taken
 * beside the arena's regions, as it is; `early`: asked for before the outputs.
 */
export type Scratch = (c: KernelContext) => readonly ScratchItem[];

export type ScratchItem = number | { readonly reserved: number } | { readonly early: number };

/** A copy that a kernel makes of a constant input when the session is made. */
export interface Packed {
  readonly input: number;
  readonly bytes: number;
  /** Allocated like an output, so rounded; packed weights are reserved as they are. */
  readonly isChunk?: boolean;
}

export type Packing = (n: Draft) => readonly Packed[];

export interface Kernel {
  readonly scratch?: Scratch;
  readonly packing?: Packing;
}

export function product(dims: readonly number[]): number {
  return dims.reduce((p, d) => p * d, 1);
}

/** Dims of an input that is a constant nobody can replace; undefined otherwise. */
export function constantDims(n: Draft, input: number): readonly number[] | undefined {
  const value = n.inputs[input];
  if (value?.kind !== 'constant' || value.constant?.isDefault === true) return undefined;
  return numbersOf(value);
}

function numbersOf(value: Value): readonly number[] | undefined {
  const dims = dimsOfValue(value)?.filter((d) => typeof d === 'number');
  return dims?.length === dimsOfValue(value)?.length ? dims : undefined;
}
