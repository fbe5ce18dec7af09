import assert from 'node:assert/strict';
import { weightBehaviour, type EpName, type WeightForm } from '../../../src/analysis/index.ts';

const eps: readonly EpName[] = ['cpu', 'webgpu', 'cuda', 'tensorrt', 'dml', 'coreml'];
const forms: readonly WeightForm[] = [
  'float32',
  'float16',
  'bfloat16',
  'float8',
  'dynamic-int8',
  'qdq-int8',
  'dequantize-int8',
  'dequantize-int4',
  'matmulnbits-8',
  'matmulnbits-4',
  'matmulnbits-2',
];

describe('what an execution provider does with a weight', () => {
  it('is told with its evidence for every form and operator', () => {
    for (const ep of eps)
      for (const form of forms)
        for (const opType of ['MatMul', 'Conv', 'LSTM', 'Attention', 'Gather', 'Mystery']) {
          const { note, evidence, fate } = weightBehaviour(ep, opType, form);
          assert.ok(note.length > 10 && fate.length > 0, `${ep} ${opType} ${form}`);
          assert.match(note, evidence === 'measured' ? /measured/ : /sources|nothing is known/);
        }
  });

  it('is only called measured where it was: on the CPU and on WebGPU', () => {
    for (const ep of ['cuda', 'tensorrt', 'dml', 'coreml'] as const)
      for (const form of forms) assert.equal(weightBehaviour(ep, 'MatMul', form).evidence, 'from-sources');
  });

  it('in blocks is measured on both, down to 2 bits', () => {
    for (const ep of ['cpu', 'webgpu'] as const)
      for (const opType of ['MatMul', 'Gather'])
        for (const bits of [2, 4, 8] as const) {
          const { fate, ratio, evidence } = weightBehaviour(ep, opType, `matmulnbits-${bits}`);
          assert.deepEqual({ fate, ratio, evidence }, { fate: 'small', ratio: 1, evidence: 'measured' });
        }
  });

  const cases: readonly (readonly [EpName, string, WeightForm, string])[] = [
    ['cpu', 'MatMul', 'dynamic-int8', 'small'],
    ['cpu', 'Conv', 'float16', 'expanded'],
    ['cpu', 'Conv', 'dequantize-int8', 'expanded'],
    ['cpu', 'Conv', 'qdq-int8', 'small'],
    ['webgpu', 'MatMul', 'dynamic-int8', 'cpu-fallback'],
    ['cpu', 'QAttention', 'dynamic-int8', 'small'],
    ['webgpu', 'QAttention', 'dynamic-int8', 'cpu-fallback'],
    ['cuda', 'Attention', 'dynamic-int8', 'cpu-fallback'],
    ['cuda', 'MatMul', 'dynamic-int8', 'cpu-fallback'],
    ['dml', 'MatMul', 'dynamic-int8', 'small'],
    ['dml', 'Gather', 'matmulnbits-4', 'cpu-fallback'],
    ['webgpu', 'Gemm', 'dequantize-int8', 'expanded'],
    ['webgpu', 'MatMul', 'matmulnbits-4', 'small'],
    ['coreml', 'MatMul', 'matmulnbits-8', 'cpu-fallback'],
    ['webgpu', 'MatMul', 'matmulnbits-2', 'small'],
    ['cuda', 'MatMul', 'matmulnbits-2', 'cpu-fallback'],
    ['dml', 'MatMul', 'matmulnbits-8', 'small'],
    ['dml', 'MatMul', 'matmulnbits-2', 'cpu-fallback'],
    ['coreml', 'Gather', 'matmulnbits-2', 'cpu-fallback'],
    ['cpu', 'MatMul', 'bfloat16', 'refused'],
    ['webgpu', 'Conv', 'bfloat16', 'refused'],
    ['cuda', 'MatMul', 'bfloat16', 'small'],
    ['cuda', 'LSTM', 'bfloat16', 'refused'],
    ['cpu', 'MatMul', 'float8', 'expanded'],
    ['tensorrt', 'MatMul', 'float8', 'small'],
  ];
  for (const [ep, opType, form, fate] of cases)
    it(`${ep}: ${opType} with ${form} weights – ${fate}`, () => {
      assert.equal(weightBehaviour(ep, opType, form).fate, fate);
    });
});
