/** What all operators that take weights in blocks have in common. */
import { DataType } from '../../onnx/model.ts';
import type { Rounding, StepContext } from '../context.ts';
import type { Entry } from '../graph/workspace.ts';
import type { BlockForm } from '../kernels/blocks.ts';
import type { BlocksEdit } from '../recipe/recipe.ts';
import { blockSizes } from '../weights/block-tensors.ts';
import { findWeight, isBlocked, type Blocked, type Weight } from '../weights/find.ts';
import { blocksAgain } from './shared.ts';

export function formOf({ bits, blockSize, isSymmetric, algorithm }: BlocksEdit): BlockForm {
  const form = { bits, blockSize, isSymmetric: isSymmetric === true };
  return algorithm === 'hqq' ? { ...form, isSearched: true } : form;
}

/** The float32 matrix behind B, or why it cannot be cut into blocks. */
export function blockWeight(
  { ws }: StepContext,
  entry: Entry,
  edit: BlocksEdit,
  isTransposed: boolean,
): Weight | Blocked {
  const again = blocksAgain(entry);
  if (again !== undefined) return { reason: again };
  const weight = findWeight(ws, entry, 1, 'B', [DataType.float]);
  if (isBlocked(weight)) return weight;
  const [activation = ''] = entry.original.inputs;
  if (ws.resolve(entry.scope, activation).kind === 'constant') return { reason: 'both inputs are constant' };
  const { dims } = weight.tensor;
  if (dims.length !== 2) return { reason: `B "${weight.name}" has ${dims.length} dims, not 2` };
  const { depth } = blockSizes(dims, isTransposed, formOf(edit));
  // beyond that, more than half of each block would be padding
  if (2 * depth <= edit.blockSize) {
    return { reason: `K is smaller than the block: ${depth} of ${edit.blockSize} weights` };
  }
  return weight;
}

/** How the weight is rounded; `isTransposed` where an output channel is a row. */
export function blockRounding(
  { ws }: StepContext,
  entry: Entry,
  { binding, tensor }: Weight,
  edit: BlocksEdit,
  isTransposed: boolean,
): Extract<Rounding, { readonly kind: 'blocks' }> {
  const source = { model: ws.model, tensor, name: binding.name, node: entry.id };
  return { kind: 'blocks', source, form: formOf(edit), isTransposed };
}
