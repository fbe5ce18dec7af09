import { boolean, oneOf } from './checks.ts';
import type { EditCodec } from './codec.ts';
import { parseSelector, describeLayers, type LayerSelector } from './selector.ts';

/** Dynamic int8 as ONNX Runtime's `quantize_dynamic` makes it: activations are quantized at run time. */
export interface DynamicInt8Edit {
  readonly type: 'quantize';
  readonly layers: LayerSelector;
  readonly form: 'dynamic-int8';
  /** One scale for the tensor, or one per output channel. */
  readonly granularity: 'per-tensor' | 'per-channel';
  /** Convs take uint8 whatever is given: older ONNX Runtimes have no ConvInteger for signed weights on the CPU. */
  readonly weightType: 'int8' | 'uint8';
  /** 7 bits instead of 8: avoids saturation on x86 without VNNI. */
  readonly reduceRange: boolean;
}

export const dynamicInt8: EditCodec<DynamicInt8Edit> = {
  parse: (edit, field) => ({
    type: 'quantize',
    layers: parseSelector(edit['layers'], `${field}.layers`),
    form: 'dynamic-int8',
    granularity: oneOf(edit['granularity'], `${field}.granularity`, ['per-tensor', 'per-channel']),
    weightType: oneOf(edit['weightType'], `${field}.weightType`, ['int8', 'uint8']),
    reduceRange: boolean(edit['reduceRange'], `${field}.reduceRange`),
  }),
  describe: (edit) => {
    const range = edit.reduceRange ? ', 7 bits' : '';
    const how = `dynamic ${edit.weightType}, ${edit.granularity.replace('-', ' ')}${range}`;
    return `${how}, of ${describeLayers(edit.layers)}`;
  },
};
