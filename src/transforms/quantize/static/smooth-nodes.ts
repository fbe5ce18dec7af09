/** Divides a value by its SmoothQuant factors: in the LayerNormalization that gives it, or by a Mul. */
import { DataType, type TensorRef } from '../../../onnx/model.ts';
import type { StepContext } from '../../context.ts';
import { makeNode } from '../../graph/nodes.ts';
import type { Entry } from '../../graph/workspace.ts';
import { findWeight, isBlocked } from '../../weights/find.ts';
import { computed } from '../../weights/linear-tensors.ts';
import { dropFloatWeight } from '../shared.ts';
import { numbersOf } from './layer-floats.ts';
import type { Smoothing } from './smooth.ts';

/** For one of the layers that take the value; what is there already stays. */
export function applySmoothing(context: StepContext, user: Entry, smoothing: Smoothing): void {
  const { made, ws } = context;
  if (smoothing.into === undefined) {
    putMul(context, user, smoothing);
    return;
  }
  const key = `static smoothing\0${smoothing.value}`;
  if (made.has(key)) return;
  made.set(key, true);
  const { into } = smoothing;
  const [node = into.original] = into.nodes;
  const inputs = node.inputs.map((name, i) =>
    i === 0 || name === '' ? name : divided(context, smoothing, into, i),
  );
  ws.replace(into, [{ ...node, inputs, range: undefined }]);
}

/** Scale or bias of the LayerNormalization, divided by the factors. */
function divided(context: StepContext, { inverse, channels }: Smoothing, into: Entry, input: number): string {
  const { ws } = context;
  const weight = findWeight(ws, into, input, 'scale', [DataType.float]);
  // the plan has seen that it is a constant
  if (isBlocked(weight)) throw new RangeError(weight.reason);
  const tensor = vector(ws.uniqueName(`${weight.binding.name}_smoothed`), channels, async (signal) => {
    const [values, factors] = [await numbersOf(ws, into, weight, signal), await inverse(signal)];
    return values.map((v, c) => v * (factors[c] ?? 1));
  });
  ws.addInitializer(ws.main, tensor);
  dropFloatWeight(context, into, weight);
  return tensor.name;
}

function putMul({ ws }: StepContext, user: Entry, { value, smoothed, channels, inverse }: Smoothing): void {
  ws.shareNode(ws.main, `${smoothed}\0smooth`, user, () => {
    const factors = vector(ws.uniqueName(`${value}_smooth_scale`), channels, inverse);
    ws.addInitializer(ws.main, factors);
    return makeNode('Mul', [value, factors.name], [smoothed], ws.uniqueNodeName(`${value}_smooth_mul`));
  });
}

function vector(
  name: string,
  length: number,
  make: (signal?: AbortSignal) => Promise<Float64Array>,
): TensorRef {
  return {
    name,
    dataType: DataType.float,
    dims: [length],
    location: computed(
      4 * length,
      async (signal) => new Uint8Array(Float32Array.from(await make(signal)).buffer),
    ),
  };
}
