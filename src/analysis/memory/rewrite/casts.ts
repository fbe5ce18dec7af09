/** Casts to the type that a value has already: ONNX Runtime removes them at every level. */
import { elemTypeOfValue } from '../values.ts';
import type { GraphEditor } from './editor.ts';

export function removeNoopCasts(editor: GraphEditor): void {
  for (const node of editor.nodesOf('Cast')) {
    if (node.opType !== 'Cast' || node.domain !== '') continue;
    const [input] = node.inputs;
    const [output] = node.outputs;
    if (!input || !output || editor.isPinned(output)) continue;
    const type = elemTypeOfValue(input);
    if (type !== 0 && type === elemTypeOfValue(output)) editor.bypass(node, input);
  }
}
