/** Small constants of the main graph that hold the same are held once (constant_sharing.cc). */
import { DataType } from '../../../onnx/model.ts';
import type { Value } from '../values.ts';
import type { GraphEditor } from './editor.ts';
import { isConstant } from './patterns.ts';
import { contentOf } from './transpose/axes.ts';

const mostElements = 8;
const sharedTypes: ReadonlySet<number> = new Set([
  ...[DataType.float16, DataType.float, DataType.double],
  ...[DataType.int32, DataType.int64],
]);

export function shareConstants(editor: GraphEditor): void {
  const kept = new Map<string, Value>();
  const constants = new Set<Value>();
  for (const { source, inputs } of editor.nodes)
    if (source.depth === 0) for (const v of inputs) if (isConstant(v) && isSmall(v)) constants.add(v);
  for (const v of constants) {
    const key = editor.isPinned(v) ? undefined : keyOf(v);
    if (key === undefined) continue;
    const same = kept.get(key);
    if (same) editor.substitute(v, same);
    else kept.set(key, v);
  }
}

function isSmall({ constant }: Value): boolean {
  const { count = 0, dataType = 0 } = constant ?? {};
  return count > 0 && count <= mostElements && sharedTypes.has(dataType);
}

/** Undefined where its content is not known. */
function keyOf(v: Value): string | undefined {
  const { dataType = 0, dims = [], content } = v.constant ?? {};
  const numbers = contentOf(v);
  return numbers ? `${dataType}[${dims.join()}]=${numbers.join()}` : content;
}
