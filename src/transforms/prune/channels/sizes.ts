/**
 * Which sizes a shape computed at run time holds. A size that shrinks may only come back as the shape of a Reshape,
 * Expand or the like, or as where a Slice or Split cuts, which are written anew; anything else computed with it would change.
 */
import { attributeInt } from '../../../onnx/model.ts';
import type { Node } from '../../../onnx/model.ts';
import { isTracked, type Axis } from './axis.ts';

/** For each element of a small integer tensor, the dims that it was computed from. */
export type Sizes = readonly (readonly Axis[])[];

/** Inputs that spell out a shape, or a part of one, which the rules write anew. */
const SHAPE_INPUTS: Readonly<Record<string, readonly number[]>> = {
  Reshape: [1],
  Expand: [1],
  ConstantOfShape: [0],
  Resize: [3],
  Slice: [1, 2],
  Split: [1],
};

/** Operators that make integers of integers, one by one or all from all. */
const ARITHMETIC: ReadonlySet<string> = new Set(
  'Add Sub Mul Div Mod Neg Abs Max Min Where Equal Greater Less ReduceProd ReduceSum Reshape Expand Not And Or'.split(
    ' ',
  ),
);

export function shapeSizes(node: Node, axes: readonly Axis[]): Sizes {
  const rank = axes.length;
  const at = (v: number) => Math.min(rank, Math.max(0, v < 0 ? v + rank : v));
  const [start, end] = [at(attributeInt(node, 'start', 0)), at(attributeInt(node, 'end', rank))];
  return axes.slice(start, end).map((a) => (isTracked(a) ? [a] : []));
}

export function isShapeInput(node: Node, input: number): boolean {
  return node.domain === '' && SHAPE_INPUTS[node.opType]?.includes(input) === true;
}

/**
 * What `node` hands on; undefined where it makes something else of the sizes than another size.
 * @param inputs undefined where an input holds no size
 * @param length elements of the output
 * @param indices known integers of an input
 */
export function sizesAfter(
  node: Node,
  inputs: readonly (Sizes | undefined)[],
  length: number | undefined,
  lengths: readonly (number | undefined)[],
  indices: (input: number) => readonly number[] | undefined,
): Sizes | undefined {
  const [data] = inputs;
  const all = inputs.flatMap((s) => s?.flat() ?? []);
  switch (node.opType) {
    case 'Identity':
    case 'Squeeze':
    case 'Unsqueeze':
    case 'Cast':
      return data;
    case 'Gather': {
      const picked = indices(1);
      if (data !== undefined && picked !== undefined) return picked.map((i) => data.at(i) ?? []);
      return undefined;
    }
    case 'Slice': {
      const [start, end, step] = [indices(1)?.[0], indices(2)?.[0], indices(4)?.[0] ?? 1];
      return data !== undefined && start !== undefined && end !== undefined && step === 1
        ? data.slice(start, end)
        : undefined;
    }
    case 'Concat':
      return inputs.flatMap((s, i) => s ?? Array.from({ length: lengths[i] ?? 0 }, () => []));
    default:
      return ARITHMETIC.has(node.opType) && length !== undefined
        ? Array.from({ length }, () => all)
        : undefined;
  }
}
