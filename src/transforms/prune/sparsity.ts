/** How many zeros a layer's weights hold, counted while they stream by. */
import { elementCount } from '../../onnx/index.ts';
import type { Model } from '../../onnx/model.ts';
import { Workspace } from '../graph/workspace.ts';
import { findWeight, isBlocked } from '../weights/find.ts';
import { elementChunks } from '../weights/stream.ts';
import { decodeFloats } from './channels/floats.ts';
import { weightOperands } from './operands.ts';
import { PRUNABLE } from './zeroed-tensor.ts';

export interface Sparsity {
  readonly zeros: number;
  readonly elements: number;
}

/**
 * Of the weights of the node `id` (its bias not counted).
 * @returns undefined where it has no float weights
 */
export async function sparsity(
  model: Model,
  id: string,
  signal?: AbortSignal,
): Promise<Sparsity | undefined> {
  const ws = new Workspace(model);
  const entry = ws.entry(id);
  if (entry === undefined) return undefined;
  let [zeros, elements] = [0, 0];
  const weights = weightOperands(entry).flatMap(({ input, label }) => {
    const sparse = ws.resolve(entry.scope, entry.nodes[0]?.inputs[input] ?? '');
    if (sparse.kind === 'sparse' && PRUNABLE.has(sparse.tensor.values.dataType))
      return [{ name: sparse.name, tensor: sparse.tensor.values, dims: sparse.tensor.dims }];
    const weight = findWeight(ws, entry, input, label, [...PRUNABLE.keys()]);
    return isBlocked(weight) ? [] : [{ ...weight, dims: weight.tensor.dims }];
  });
  for (const { name, tensor, dims } of weights) {
    const bytes = PRUNABLE.get(tensor.dataType)?.elementBytes ?? 4;
    for await (const chunk of elementChunks({ model, tensor, name, node: id }, bytes, signal)) {
      for (const v of decodeFloats(chunk.bytes, tensor.dataType)) if (v === 0) zeros++;
    }
    elements += elementCount(dims);
    // what a sparse initializer leaves out
    zeros += elementCount(dims) - elementCount(tensor.dims);
  }
  return elements === 0 ? undefined : { zeros, elements };
}
