import assert from 'node:assert/strict';
import { analyze } from '../../../src/analysis/index.ts';
import { DataType, type Node, type TensorRef, type Value } from '../../../src/onnx/index.ts';
import { floats, graph, int64s, ints, model, node, tensor, value } from '../../support/model-builder.ts';

interface Case {
  readonly name: string;
  readonly node: Node;
  readonly inputs: readonly Value[];
  readonly weights?: readonly TensorRef[];
  readonly macs: number | undefined;
  readonly opset?: number;
}

const int8s = (name: string, dims: readonly number[]) =>
  tensor(name, DataType.int8, dims, new Uint8Array(dims.reduce((n, d) => n * d, 1)));
const microsoft = 'com.microsoft';
const [n, s] = [2, 30];

const cases: readonly Case[] = [
  {
    name: 'Conv, grouped and strided: outputs × inputs per group × kernel',
    node: node('Conv', ['x', 'w'], ['y'], { group: 2, strides: [2, 2], pads: [1, 1, 1, 1] }),
    inputs: [value('x', [n, 8, 10, 10])],
    weights: [floats('w', [6, 4, 3, 3])],
    macs: n * 6 * 5 * 5 * 4 * 3 * 3,
  },
  {
    name: 'ConvTranspose: inputs × outputs per group × kernel',
    node: node('ConvTranspose', ['x', 'w'], ['y'], { strides: [2, 2] }),
    inputs: [value('x', [n, 8, 5, 5])],
    weights: [floats('w', [8, 3, 2, 2])],
    macs: n * 8 * 5 * 5 * 3 * 2 * 2,
  },
  {
    name: 'ConvInteger',
    node: node('ConvInteger', ['x', 'w'], ['y']),
    inputs: [value('x', [1, 8, 6, 6], DataType.uint8)],
    weights: [int8s('w', [4, 8, 3, 3])],
    macs: 4 * 4 * 4 * 8 * 9,
  },
  {
    name: 'Gemm of a transposed A: K is its first dim',
    node: node('Gemm', ['x', 'w'], ['y'], { transA: 1 }),
    inputs: [value('x', [7, n])],
    weights: [floats('w', [7, 5])],
    macs: n * 5 * 7,
  },
  {
    name: 'MatMul in batches',
    node: node('MatMul', ['x', 'z'], ['y']),
    inputs: [value('x', [4, 3, 6, 8]), value('z', [3, 8, 5])],
    macs: 4 * 3 * 6 * 5 * 8,
  },
  {
    name: 'Einsum: all letters',
    node: node('Einsum', ['x', 'z'], ['y'], { equation: 'bihd,bjhd->bhij' }),
    inputs: [value('x', [2, 5, 3, 8]), value('z', [2, 7, 3, 8])],
    macs: 2 * 3 * 5 * 7 * 8,
  },
  {
    name: 'LSTM in both directions: steps × gates × hidden × (input + hidden)',
    node: node('LSTM', ['x', 'w', 'r'], ['y'], { hidden_size: 6, direction: 'bidirectional' }),
    inputs: [value('x', [9, n, 4])],
    weights: [floats('w', [2, 24, 4]), floats('r', [2, 24, 6])],
    macs: 9 * n * 2 * 24 * (4 + 6),
  },
  {
    name: 'MatMulNBits',
    node: node('MatMulNBits', ['x', 'b', 'sc'], ['y'], {
      domain: microsoft,
      K: 64,
      N: 5,
      bits: 4,
      block_size: 32,
    }),
    inputs: [value('x', [n, 64])],
    weights: [tensor('b', DataType.uint8, [5, 2, 16], new Uint8Array(160)), floats('sc', [10])],
    macs: n * 5 * 64,
  },
  {
    name: 'Attention of com.microsoft: projection and both products',
    node: node('Attention', ['x', 'w'], ['y'], { domain: microsoft, num_heads: 4 }),
    inputs: [value('x', [n, s, 16])],
    weights: [floats('w', [16, 48])],
    macs: n * s * 16 * 48 + n * s * s * (16 + 16),
  },
  {
    name: 'Attention of ai.onnx, heads apart',
    node: node('Attention', ['q', 'k', 'v'], ['y']),
    inputs: [value('q', [n, 4, s, 8]), value('k', [n, 4, 20, 8]), value('v', [n, 4, 20, 6])],
    macs: n * 4 * s * 20 * (8 + 6),
    opset: 23,
  },
  {
    name: 'data movement counts nothing',
    node: node('Transpose', ['x'], ['y'], { perm: [1, 0] }),
    inputs: [value('x', [3, 4])],
    macs: 0,
  },
  {
    name: 'neither does elementwise arithmetic',
    node: node('Add', ['x', 'w'], ['y']),
    inputs: [value('x', [3, 4])],
    weights: [floats('w', [4])],
    macs: 0,
  },
  {
    name: 'of an operator nobody knows there is no count',
    node: node('Mystery', ['x'], ['y'], { domain: 'example.org' }),
    inputs: [value('x', [3, 4])],
    macs: undefined,
  },
  {
    name: 'of a product with an operand of unknown shape neither',
    node: node('MatMul', ['x', 'w'], ['y']),
    inputs: [value('x')],
    weights: [floats('w', [4, 4])],
    macs: undefined,
  },
];

describe('multiply-accumulates', () => {
  for (const c of cases)
    it(c.name, () => {
      const m = model(
        graph({ inputs: c.inputs, nodes: [c.node], outputs: [value('y')], initializers: c.weights ?? [] }),
        {
          opset: c.opset ?? 17,
          opsets: { [microsoft]: 1, 'example.org': 1 },
        },
      );
      assert.equal(analyze(m).estimate().nodes[0]?.macs, c.macs);
    });

  it('grow with the dims', () => {
    const m = model(
      graph({
        inputs: [value('x', ['batch', 'seq', 8])],
        nodes: [node('Reshape', ['x', 'to'], ['r']), node('MatMul', ['r', 'w'], ['y'])],
        outputs: [value('y')],
        initializers: [floats('w', [8, 5]), ints('to', [-1, 8]), int64s('none', [], [0])],
      }),
    );
    const at = (batch: number, seq: number) => analyze(m).estimate({ dims: { batch, seq } }).nodes[1]?.macs;
    assert.deepEqual([at(1, 10), at(3, 10), at(3, 20)], [400, 1200, 2400]);
  });
});
