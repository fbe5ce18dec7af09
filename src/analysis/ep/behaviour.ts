/**
 * What an execution provider really does with each form of weight: "int8" is no promise by itself. Rows marked
 * `measured` are what `npm run calibrate` and `scripts/proof/memory.ts` found (onnxruntime-node 1.30.0, Linux x64;
 * WebGPU on SwiftShader): memory in use after two runs, per stored byte. The other rows are read from ONNX Runtime's
 * sources and documents: docs/memory.md says from which.
 */
import type { EpName, EpWeightBehaviour, WeightFate, WeightForm } from '../types.ts';

type Family = 'matmul' | 'conv' | 'transposed' | 'recurrent' | 'attention' | 'gather' | 'other';

const families: Readonly<Record<string, Family>> = {
  MatMul: 'matmul',
  Gemm: 'matmul',
  FusedMatMul: 'matmul',
  FusedGemm: 'matmul',
  MatMulInteger: 'matmul',
  MatMulIntegerToFloat: 'matmul',
  DynamicQuantizeMatMul: 'matmul',
  QLinearMatMul: 'matmul',
  QGemm: 'matmul',
  MatMulNBits: 'matmul',
  Conv: 'conv',
  FusedConv: 'conv',
  ConvTranspose: 'transposed',
  ConvInteger: 'conv',
  QLinearConv: 'conv',
  LSTM: 'recurrent',
  GRU: 'recurrent',
  RNN: 'recurrent',
  DynamicQuantizeLSTM: 'recurrent',
  Attention: 'attention',
  QAttention: 'attention',
  Gather: 'gather',
  GatherBlockQuantized: 'gather',
};

/** What becomes of an operator's weight, stored in `form`, on `ep`. */
export function weightBehaviour(ep: EpName, opType: string, form: WeightForm): EpWeightBehaviour {
  const family = families[opType] ?? 'other';
  const rows = table[ep];
  return rows[`${family} ${form}`] ?? rows[`* ${form}`] ?? fallback(ep, form);
}

const measured = (fate: WeightFate, ratio: number | undefined, note: string): EpWeightBehaviour => ({
  fate,
  ratio,
  evidence: 'measured',
  note: `${note} (measured, onnxruntime-node 1.30.0)`,
});
const fromSources = (fate: WeightFate, ratio: number | undefined, note: string): EpWeightBehaviour => ({
  fate,
  ratio,
  evidence: 'from-sources',
  note: `${note} (from ONNX Runtime's sources, not measured)`,
});

type Rows = Readonly<Record<string, EpWeightBehaviour>>;

const cpu: Rows = {
  'matmul float32': measured('small', 1, 'packed for the matrix kernel; what was stored is given back'),
  'conv float32': measured(
    'small',
    1,
    'at optimization "all" laid out anew in blocks of channels (NCHWc); what was stored is given back, though the C library may keep it resident',
  ),
  'recurrent float32': measured('small', 1, 'packed for the matrix kernel; what was stored is given back'),
  'attention float32': measured('small', 1, 'packed for the matrix kernel; what was stored is given back'),
  '* float32': fromSources('small', 1, 'held as stored'),
  'matmul float16': measured('expanded', 2, 'converted to float32 before it runs: nothing is saved'),
  'conv float16': measured('expanded', 2, 'converted to float32 before it runs: nothing is saved'),
  'recurrent float16': measured('expanded', 2, 'converted to float32 before it runs: nothing is saved'),
  '* float16': fromSources(
    'expanded',
    2,
    'the CPU has no float16 kernels for it: cast to float32, folded when the session is made',
  ),
  '* bfloat16': measured(
    'refused',
    undefined,
    'the CPU has no kernels that compute in bfloat16, and ONNX Runtime puts no Casts: no session is made',
  ),
  '* float8': fromSources(
    'expanded',
    4,
    'nothing computes in float8: DequantizeLinear expands it to float32',
  ),
  'matmul dynamic-int8': measured('small', 1, 'fused to DynamicQuantizeMatMul; the packed weight stays int8'),
  'conv dynamic-int8': measured('small', 1, 'ConvInteger takes the int8 weight as it is'),
  'recurrent dynamic-int8': measured('small', 1, 'DynamicQuantizeLSTM packs it; it stays int8'),
  'attention dynamic-int8': measured('small', 1, 'QAttention packs it; it stays int8'),
  '* dynamic-int8': fromSources('small', 1, 'integer kernels take the int8 weight as it is'),
  'matmul qdq-int8': measured('small', 1, 'fused to QLinearMatMul; the packed weight stays int8'),
  'conv qdq-int8': measured('small', 1.2, 'fused to QLinearConv; the weight stays int8'),
  'transposed qdq-int8': fromSources('expanded', 4, 'expanded to float32 at each run'),
  '* qdq-int8': fromSources('expanded', 4, 'only fused operators keep int8: others compute in float32'),
  'matmul dequantize-int8': measured(
    'small',
    1.4,
    'fused to MatMulNBits; with session.disable_quant_qdq folded to float32 instead',
  ),
  'conv dequantize-int8': measured(
    'expanded',
    9.7,
    'expanded to float32 at each run, all weights at once, in an arena that grows by powers of two',
  ),
  'attention dequantize-int8': measured(
    'expanded',
    9.3,
    'expanded to float32 at each run, all weights at once, in an arena that grows by powers of two',
  ),
  '* dequantize-int8': fromSources('expanded', 4, 'expanded to float32 at each run'),
  'matmul matmulnbits-8': measured('small', 1, 'MatMulNBits takes it as stored'),
  'matmul matmulnbits-4': measured('small', 1, 'MatMulNBits packs it for its kernel; it stays 4 bits'),
  'matmul matmulnbits-2': measured('small', 1, 'MatMulNBits takes it as stored'),
  'matmul dequantize-int4': measured(
    'small',
    1.5,
    'blocks of it are fused to MatMulNBits, beside what was stored',
  ),
  '* dequantize-int4': fromSources('expanded', 8, 'expanded to float32 at each run'),
  'gather dynamic-int8': measured('small', 1, 'Gather takes int8 as it is; only what it finds is expanded'),
  'gather matmulnbits-8': measured('small', 1, 'GatherBlockQuantized takes it as stored'),
  'gather matmulnbits-4': measured('small', 1, 'GatherBlockQuantized takes it as stored'),
  'gather matmulnbits-2': measured('small', 1, 'GatherBlockQuantized takes it as stored'),
};

const webgpu: Rows = {
  'matmul float32': measured('small', 1, 'uploaded as stored'),
  'conv float32': measured('small', 1.1, 'uploaded as stored, and transposed once for the kernel'),
  'recurrent float32': measured('small', 1, 'uploaded as stored'),
  'attention float32': measured('small', 1.2, 'uploaded as stored'),
  '* float32': fromSources('small', 1, 'uploaded as stored'),
  '* float16': fromSources(
    'small',
    1,
    'uploaded as stored where the adapter has shader-f16; refused otherwise',
  ),
  '* bfloat16': fromSources(
    'refused',
    undefined,
    'no kernel computes in bfloat16, on the device or on the CPU, and ONNX Runtime puts no Casts: no session is made',
  ),
  '* float8': fromSources(
    'cpu-fallback',
    0,
    'no kernel takes float8: DequantizeLinear expands it on the CPU',
  ),
  'matmul dynamic-int8': measured(
    'cpu-fallback',
    0,
    'MatMulInteger has no WebGPU kernel here: it runs on the CPU',
  ),
  'conv dynamic-int8': measured('cpu-fallback', 0, 'ConvInteger has no WebGPU kernel: it runs on the CPU'),
  'recurrent dynamic-int8': measured(
    'cpu-fallback',
    0,
    'DynamicQuantizeLSTM has no WebGPU kernel: it runs on the CPU',
  ),
  'attention dynamic-int8': measured(
    'cpu-fallback',
    0,
    'QAttention has no WebGPU kernel: it runs on the CPU',
  ),
  '* dynamic-int8': fromSources('cpu-fallback', 0, 'no WebGPU kernel: it runs on the CPU'),
  'matmul dequantize-int8': measured(
    'expanded',
    5.1,
    'expanded to float32 on the device at each run, all weights at once, beside what is stored',
  ),
  'conv dequantize-int8': measured('expanded', 1.9, 'expanded to float32 on the device at each run'),
  'attention dequantize-int8': measured(
    'expanded',
    5.8,
    'expanded to float32 on the device at each run, all weights at once, beside what is stored',
  ),
  '* dequantize-int8': fromSources('expanded', 4, 'expanded to float32 on the device at each run'),
  'matmul qdq-int8': measured(
    'expanded',
    1.4,
    'weights are dequantized on the device, one after another; QuantizeLinear runs on the CPU',
  ),
  'conv qdq-int8': measured(
    'expanded',
    2.3,
    'weights and activations are dequantized on the device, QuantizeLinear runs on the CPU',
  ),
  '* qdq-int8': fromSources('expanded', 4, 'dequantized on the device, QuantizeLinear runs on the CPU'),
  'matmul matmulnbits-8': measured('small', 1, 'MatMulNBits runs on the device, the weight stays packed'),
  'matmul matmulnbits-4': measured('small', 1, 'MatMulNBits runs on the device, the weight stays packed'),
  'matmul matmulnbits-2': measured('small', 1, 'MatMulNBits runs on the device, the weight stays packed'),
  '* dequantize-int4': fromSources('expanded', 8, 'expanded to float32 on the device at each run'),
  'gather matmulnbits-8': measured(
    'small',
    1,
    'GatherBlockQuantized runs on the device, the table stays packed',
  ),
  'gather matmulnbits-4': measured(
    'small',
    1,
    'GatherBlockQuantized runs on the device, the table stays packed',
  ),
  'gather matmulnbits-2': measured(
    'small',
    1,
    'GatherBlockQuantized runs on the device, the table stays packed',
  ),
};

const cuda: Rows = {
  '* float32': fromSources('small', 1, 'uploaded as stored'),
  '* float16': fromSources('small', 1, 'uploaded as stored; kernels compute in float16'),
  '* bfloat16': fromSources(
    'small',
    1,
    'uploaded as stored; many kernels compute in bfloat16, but where one is missing no session is made',
  ),
  'recurrent bfloat16': fromSources(
    'refused',
    undefined,
    'LSTM, GRU and RNN have no bfloat16 kernel on CUDA: no session is made',
  ),
  '* float8': fromSources(
    'expanded',
    4,
    'DequantizeLinear expands it on the device; only com.microsoft.GemmFloat8 computes in it',
  ),
  'matmul dynamic-int8': fromSources(
    'cpu-fallback',
    0,
    'MatMulInteger takes int8 activations on CUDA, DynamicQuantizeLinear gives uint8: both run on the CPU',
  ),
  'attention dynamic-int8': fromSources(
    'cpu-fallback',
    0,
    'QAttention takes int8 activations on CUDA, DynamicQuantizeLinear gives uint8: both run on the CPU',
  ),
  '* dynamic-int8': fromSources(
    'cpu-fallback',
    0,
    'ConvInteger and DynamicQuantizeLinear have no CUDA kernel: they run on the CPU',
  ),
  '* qdq-int8': fromSources('expanded', 4, 'dequantized on the device; only TensorRT keeps int8'),
  '* dequantize-int8': fromSources('expanded', 4, 'expanded to float on the device at each run'),
  'matmul matmulnbits-8': fromSources('small', 1, 'MatMulNBits runs on CUDA, the weight stays packed'),
  'matmul matmulnbits-4': fromSources('small', 1, 'MatMulNBits runs on CUDA, the weight stays packed'),
  'matmul matmulnbits-2': fromSources(
    'cpu-fallback',
    0,
    'the CUDA kernel is for 4 and 8 bits: it runs on the CPU',
  ),
  '* dequantize-int4': fromSources('expanded', 8, 'expanded to float on the device at each run'),
  'gather matmulnbits-8': fromSources(
    'small',
    1,
    'GatherBlockQuantized runs on CUDA, the table stays packed',
  ),
  'gather matmulnbits-4': fromSources(
    'small',
    1,
    'GatherBlockQuantized runs on CUDA, the table stays packed',
  ),
};

const tensorrt: Rows = {
  '* float32': fromSources('small', 1, 'held in the engine as stored'),
  '* float16': fromSources('small', 1, 'held in the engine as stored'),
  '* bfloat16': fromSources('small', 1, 'held in the engine as stored, on GPUs from Ampere on'),
  '* float8': fromSources('small', 1, 'the engine computes in float8, on Ada and Hopper GPUs'),
  '* dynamic-int8': fromSources(
    'cpu-fallback',
    0,
    'TensorRT takes no dynamic quantization: these nodes leave it',
  ),
  '* qdq-int8': fromSources('small', 1, 'the engine computes in int8'),
  '* dequantize-int8': fromSources('expanded', 4, 'weight-only int8 is expanded when the engine is built'),
  'matmul matmulnbits-8': fromSources(
    'cpu-fallback',
    0,
    'MatMulNBits is no TensorRT operator: it runs on CUDA or the CPU',
  ),
  'matmul matmulnbits-4': fromSources(
    'cpu-fallback',
    0,
    'MatMulNBits is no TensorRT operator: it runs on CUDA or the CPU',
  ),
  'matmul matmulnbits-2': fromSources(
    'cpu-fallback',
    0,
    'MatMulNBits is no TensorRT operator: it runs on CUDA or the CPU',
  ),
};

const dml: Rows = {
  '* float32': fromSources('small', 1, 'uploaded as stored'),
  '* float16': fromSources('small', 1, 'uploaded as stored; kernels compute in float16'),
  '* bfloat16': fromSources(
    'refused',
    undefined,
    'no kernel computes in bfloat16, on the device or on the CPU, and ONNX Runtime puts no Casts: no session is made',
  ),
  '* float8': fromSources(
    'cpu-fallback',
    0,
    'no kernel takes float8: DequantizeLinear expands it on the CPU',
  ),
  'attention dynamic-int8': fromSources(
    'small',
    1,
    'DirectML has kernels for QAttention and DynamicQuantizeLinear',
  ),
  '* dynamic-int8': fromSources(
    'small',
    1,
    'DirectML has kernels for MatMulInteger, ConvInteger and DynamicQuantizeLinear',
  ),
  '* qdq-int8': fromSources('small', 1, 'QLinear kernels run on the device where the fusion applies'),
  '* dequantize-int8': fromSources('expanded', 4, 'expanded to float on the device at each run'),
  'matmul matmulnbits-8': fromSources('small', 1, 'MatMulNBits runs on the device, the weight stays packed'),
  'matmul matmulnbits-4': fromSources('small', 1, 'MatMulNBits runs on the device, the weight stays packed'),
  'matmul matmulnbits-2': fromSources(
    'cpu-fallback',
    0,
    'the DirectML kernel is for 4 and 8 bits: it runs on the CPU',
  ),
  'gather matmulnbits-8': fromSources(
    'cpu-fallback',
    0,
    'DirectML has no GatherBlockQuantized: it runs on the CPU',
  ),
  'gather matmulnbits-4': fromSources(
    'cpu-fallback',
    0,
    'DirectML has no GatherBlockQuantized: it runs on the CPU',
  ),
  'gather matmulnbits-2': fromSources(
    'cpu-fallback',
    0,
    'DirectML has no GatherBlockQuantized: it runs on the CPU',
  ),
};

const coreml: Rows = {
  '* float32': fromSources('small', 1, 'compiled into the CoreML model as stored'),
  '* float16': fromSources('small', 1, 'compiled into the CoreML model as stored'),
  '* bfloat16': fromSources(
    'refused',
    undefined,
    'no kernel computes in bfloat16, on the device or on the CPU, and ONNX Runtime puts no Casts: no session is made',
  ),
  '* float8': fromSources(
    'cpu-fallback',
    0,
    'no kernel takes float8: DequantizeLinear expands it on the CPU',
  ),
  '* dynamic-int8': fromSources(
    'cpu-fallback',
    0,
    'the CoreML provider takes no integer operators: they run on the CPU',
  ),
  '* qdq-int8': fromSources(
    'cpu-fallback',
    0,
    'the CoreML provider takes no quantized operators: they run on the CPU',
  ),
  '* dequantize-int8': fromSources(
    'cpu-fallback',
    0,
    'DequantizeLinear runs on the CPU, the product where it lands',
  ),
  '* matmulnbits-8': fromSources('cpu-fallback', 0, 'MatMulNBits runs on the CPU'),
  '* matmulnbits-4': fromSources('cpu-fallback', 0, 'MatMulNBits runs on the CPU'),
  '* matmulnbits-2': fromSources('cpu-fallback', 0, 'MatMulNBits runs on the CPU'),
};

const table: Readonly<Record<EpName, Rows>> = { cpu, webgpu, cuda, tensorrt, dml, coreml };

function fallback(ep: EpName, form: WeightForm): EpWeightBehaviour {
  return fromSources(
    'small',
    1,
    `nothing is known of ${form} weights of this operator on ${ep}: taken as held as stored`,
  );
}
