/**
 * What the values of a pruned weight were: a tensor of the same elements, to compare with. Kept by location, which stays
 * where a tensor is renamed.
 */
import type { TensorRef } from '../../onnx/model.ts';

const originals = new WeakMap<TensorRef['location'], TensorRef>();

/** @param original of the same shape; it may be changed itself, and have an original of its own */
export function withOriginal(made: TensorRef, original: TensorRef): TensorRef {
  originals.set(made.location, originalOf(original));
  return made;
}

/** The tensor itself where its values are as they were, all of them or those that are left. */
export function originalOf(tensor: TensorRef): TensorRef {
  return originals.get(tensor.location) ?? tensor;
}
