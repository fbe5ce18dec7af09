/** How a node's weight is stored: the form that decides its fate on an execution provider. */
import { attributeInt } from '../../onnx/model.ts';
import { DataType } from '../../onnx/model.ts';
import type { ExecutedNode } from '../memory/program.ts';
import type { Value } from '../memory/values.ts';
import type { WeightForm } from '../types.ts';

/** Undefined where the node has no weight, or one of another form. */
export function weightForm(n: ExecutedNode): WeightForm | undefined {
  const { opType } = n.node;
  if (opType === 'MatMulNBits' || opType === 'GatherBlockQuantized') {
    return blockForms[attributeInt(n.node, 'bits', 4)] ?? 'matmulnbits-4';
  }
  if (integerOps.has(opType)) return 'dynamic-int8';
  if (opType.startsWith('QLinear')) return 'qdq-int8';
  for (const value of n.inputs) {
    const form = formOfInput(n, value);
    if (form) return form;
  }
  return undefined;
}

const blockForms: Readonly<Record<number, WeightForm>> = {
  2: 'matmulnbits-2',
  4: 'matmulnbits-4',
  8: 'matmulnbits-8',
};

const integerOps: ReadonlySet<string> = new Set([
  'MatMulInteger',
  'ConvInteger',
  'MatMulIntegerToFloat',
  'DynamicQuantizeMatMul',
  'DynamicQuantizeLSTM',
  'QAttention',
]);

const int8: ReadonlySet<number> = new Set([DataType.int8, DataType.uint8]);
const float8: ReadonlySet<number> = new Set([DataType.float8e4m3fn, DataType.float8e5m2]);
const int4: ReadonlySet<number> = new Set([DataType.int4, DataType.uint4]);

function formOfInput(n: ExecutedNode, value: Value | undefined): WeightForm | undefined {
  if (value?.constant !== undefined && value.constant.dims.length > 0) {
    if (value.constant.dataType === DataType.float) return 'float32';
    if (value.constant.dataType === DataType.float16) return 'float16';
    if (value.constant.dataType === DataType.bfloat16) return 'bfloat16';
  }
  const producer = value?.producer;
  if (producer?.node.opType !== 'DequantizeLinear') return undefined;
  const dataType = producer.inputs[0]?.constant?.dataType ?? 0;
  if (float8.has(dataType)) return 'float8';
  if (int4.has(dataType)) return 'dequantize-int4';
  if (!int8.has(dataType)) return undefined;
  // activations quantized, too: the product can run in int8
  const isQdq = n.inputs.some(
    (v) =>
      v?.producer?.node.opType === 'DequantizeLinear' &&
      v.producer !== producer &&
      v.producer.inputs[0]?.kind === 'produced',
  );
  return isQdq ? 'qdq-int8' : 'dequantize-int8';
}
