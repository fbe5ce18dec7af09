/** How wide activations are in training, whatever the model was exported in. */
import { DataType } from '../../onnx/model.ts';
import { elemTypeOfValue } from '../memory/values.ts';
import type { Value } from '../memory/values.ts';

const widths: ReadonlyMap<number, number> = new Map([
  [DataType.float, 4],
  [DataType.float16, 2],
  [DataType.bfloat16, 2],
]);

/** What a value's bytes are multiplied by; integers and double are left as they are. */
export function widthFactor(precision: 'float32' | 'mixed'): (v: Value) => number {
  const wanted = precision === 'mixed' ? 2 : 4;
  return (v) => {
    const stored = widths.get(elemTypeOfValue(v));
    return stored === undefined ? 1 : wanted / stored;
  };
}
