/** The weights of a pruned layer as all the edits leave them. */
import { operatorOf } from '../../onnx/model.ts';
import { isFloat } from '../auto/float-reader.ts';
import type { Rounding } from '../context.ts';
import type { Entry, Workspace } from '../graph/workspace.ts';
import { weightOperands } from './operands.ts';

/** Of a layer without weights, as a normalization, all its constants; none where no edit changed any. */
export function writtenWeights(ws: Workspace, entry: Entry): readonly Rounding[] {
  // what quantized it says how
  if (entry.quantizedBy !== undefined) return [];
  const operator = operatorOf(entry.original);
  const inputs = entry.nodes.find((n) => operatorOf(n) === operator)?.inputs ?? [];
  const operands = weightOperands(entry).map((o) => inputs[o.input] ?? '');
  const written = (operands.length > 0 ? operands : inputs).flatMap((name): Rounding[] => {
    const binding = name === '' ? undefined : ws.resolve(entry.scope, name);
    if (binding?.kind !== 'constant' || !isFloat(binding.tensor.dataType)) return [];
    const { tensor } = binding;
    return [{ kind: 'none', source: { model: ws.model, tensor, name: binding.name, node: entry.id } }];
  });
  return written.some(({ source }) => source.tensor.location.kind === 'computed') ? written : [];
}
