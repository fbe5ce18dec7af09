/** Where Relu and Clip cut. */
import { attributeFloat, DataType, type Node } from '../../../onnx/model.ts';
import type { Range } from '../../calibrate/range.ts';
import type { Workspace } from '../../graph/workspace.ts';

/** Undefined where a bound is not a constant that is at hand. */
export function clampBounds(ws: Workspace, node: Node): Range | undefined {
  if (node.opType === 'Relu') return { min: 0, max: Infinity };
  const [, low = '', high = ''] = node.inputs;
  const min = low === '' ? attributeFloat(node, 'min', -Infinity) : constantNumber(ws, low);
  const max = high === '' ? attributeFloat(node, 'max', Infinity) : constantNumber(ws, high);
  return min === undefined || max === undefined ? undefined : { min, max };
}

function constantNumber(ws: Workspace, name: string): number | undefined {
  const binding = ws.resolve(ws.main, name);
  if (binding.kind !== 'constant' || binding.isOverridable) return undefined;
  const { smallData, dataType } = binding.tensor;
  if (smallData?.length !== 4 || dataType !== DataType.float) return undefined;
  return new DataView(smallData.buffer, smallData.byteOffset).getFloat32(0, true);
}
