/** Linear quantization. Matrix products and convolutions of quantized tensors are with their families. */
import { DataType } from '../../onnx/model.ts';
import { tensor } from './rule.ts';
import type { Rule, RuleTable } from './rule.ts';

/** x, y_scale, y_zero_point: the zero point's type, else `output_dtype`, else uint8. */
export const quantizeLinear: Rule = (c) => [
  tensor(c.elem(2) || c.int('output_dtype', 0) || DataType.uint8, c.shape(0)),
];

/** x, x_scale, x_zero_point: since opset 19 the scale's type, since 23 `output_dtype` before it. */
export const dequantizeLinear: Rule = (c) => [
  tensor(c.int('output_dtype', 0) || c.elem(1) || DataType.float, c.shape(0)),
];

/** y uint8, its scale and zero point. */
const dynamicQuantizeLinear: Rule = (c) => [
  tensor(DataType.uint8, c.shape(0)),
  tensor(DataType.float, []),
  tensor(DataType.uint8, []),
];

export const quantization: RuleTable = {
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
};
