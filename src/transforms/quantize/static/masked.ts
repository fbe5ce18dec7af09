/** Scores of attention that a mask was added to: integers would span the mask. */
import type { Workspace } from '../../graph/workspace.ts';

/** Between a mask and the Softmax: other types, scales, shapes. */
const BETWEEN: ReadonlySet<string> = new Set([
  ...['Cast', 'Identity', 'Add', 'Sub', 'Mul', 'Div', 'Where', 'Min', 'Max', 'Clip', 'Concat'],
  ...['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Slice', 'Expand'],
]);
const SOFTMAX: ReadonlySet<string> = new Set(['Softmax', 'LogSoftmax']);

/** Whether a Softmax of the main graph takes the value, as it is or through such nodes. */
export function reachesSoftmax(ws: Workspace, value: string): boolean {
  const seen = new Set([value]);
  for (const name of seen) {
    for (const { entry } of ws.uses(ws.main, name)) {
      const { opType, domain, outputs } = entry.original;
      if (domain !== '' || entry.scope !== ws.main) continue;
      if (SOFTMAX.has(opType)) return true;
      if (BETWEEN.has(opType)) for (const output of outputs) seen.add(output);
    }
  }
  return false;
}
