import assert from 'node:assert/strict';
import { analyze, type EpName } from '../../../src/analysis/index.ts';
import { DataType, type Model } from '../../../src/onnx/index.ts';
import { floats, graph, model, node, tensor, value } from '../../support/model-builder.ts';
import { convolutional, quantized } from './models.ts';

/** Two products whose int8 weights are made float by a DequantizeLinear each. */
function dequantized(): Model {
  const weight = (name: string, of: number) =>
    tensor(name, DataType.int8, [64, 64], new Uint8Array(64 * 64).fill(of));
  return model(
    graph({
      inputs: [value('x', [1, 64])],
      nodes: [
        node('DequantizeLinear', ['q0', 's0'], ['w0'], { axis: 1 }),
        node('MatMul', ['x', 'w0'], ['h']),
        node('DequantizeLinear', ['q1', 's1'], ['w1'], { axis: 1 }),
        node('MatMul', ['h', 'w1'], ['y']),
      ],
      outputs: [value('y')],
      initializers: [weight('q0', 3), weight('q1', 4), floats('s0', [64]), floats('s1', [64])],
    }),
  );
}

describe('the estimate for a device', () => {
  const on = (m: Model, ep: EpName) => analyze(m).estimate({ ep, optimization: 'all' });

  it('counts int8 weights as stored, and what they are expanded to as activations', () => {
    const { deviceWeights, peakActivation } = on(dequantized(), 'webgpu');
    assert.equal(deviceWeights.bytes, 2 * (64 * 64 + 64 * 4));
    assert.ok((peakActivation.bytes ?? 0) >= 64 * 64 * 4);
  });

  it('has no weights of nodes that fall back to the CPU', () => {
    assert.ok((on(quantized(), 'webgpu').deviceWeights.bytes ?? Infinity) < 64 * 48);
    assert.ok((on(quantized(), 'dml').deviceWeights.bytes ?? 0) >= 64 * 48);
  });

  it('runs convolutions without the blocked layout of the CPU', () => {
    const { deviceWeights, parameterBytes } = on(convolutional(), 'webgpu');
    assert.ok((deviceWeights.bytes ?? Infinity) <= parameterBytes);
  });
});
