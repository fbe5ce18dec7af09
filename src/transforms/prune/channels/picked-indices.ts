/** The list of indices that a Gather picks, renumbered once it is known which of them stay. */
import { DataType } from '../../../onnx/model.ts';
import type { Rewriter } from './rule.ts';

/**
 * @param atoms of the dim that is picked from
 * @param from of each index picked, its place among `atoms`
 * @param out of what is picked
 * @returns the name of a new constant [count of `out`]
 */
export function pickedIndices(
  w: Rewriter,
  atoms: Int32Array,
  from: ArrayLike<number>,
  out: Int32Array,
): string {
  const count = w.count(out);
  const produce = async function* (signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const [kept, picked] = [await w.kept(atoms, signal), await w.kept(out, signal)];
    const place = new Map([...kept].map((position, i) => [position, i]));
    const moved = Array.from(picked, (p) => BigInt(place.get(from[p] ?? 0) ?? 0));
    yield new Uint8Array(BigInt64Array.from(moved).buffer);
  };
  const location = { kind: 'computed', byteLength: 8 * count, produce } as const;
  return w.constant({ dataType: DataType.int64, dims: [count], location }, 'indices');
}
