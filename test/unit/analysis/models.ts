/** Models of these tests: the article's network, and small graphs that show one thing each. */
import type { Model } from '../../../src/onnx/index.ts';
import { DataType } from '../../../src/onnx/index.ts';
import {
  constant,
  floats,
  graph,
  int64s,
  ints,
  model,
  node,
  tensor,
  value,
} from '../../support/model-builder.ts';

/** Linear 1000 → 100, ReLU, Linear 100 → 10, with a batch. */
export function article(): Model {
  return model(
    graph({
      inputs: [value('input', ['batch', 1000])],
      nodes: [
        node('Gemm', ['input', 'fc1.weight', 'fc1.bias'], ['/fc1/Gemm_output_0'], {
          name: '/fc1/Gemm',
          transB: 1,
        }),
        node('Relu', ['/fc1/Gemm_output_0'], ['/relu/Relu_output_0'], { name: '/relu/Relu' }),
        node('Gemm', ['/relu/Relu_output_0', 'fc2.weight', 'fc2.bias'], ['output'], {
          name: '/fc2/Gemm',
          transB: 1,
        }),
      ],
      outputs: [value('output', ['batch', 10])],
      initializers: [
        floats('fc1.weight', [100, 1000]),
        floats('fc1.bias', [100]),
        floats('fc2.weight', [10, 100]),
        floats('fc2.bias', [10]),
      ],
    }),
  );
}

/** An If whose branches use a weight from around them, one of them with a Constant of its own. */
export function branching(): Model {
  const branch = (name: string, opType: string) =>
    graph({
      name,
      nodes: [
        constant(`${name}.c`, floats('', [1, 8])),
        node(opType, ['x', 'w'], [`${name}.m`]),
        node('Add', [`${name}.m`, `${name}.c`], [`${name}.y`]),
      ],
      outputs: [value(`${name}.y`)],
    });
  return model(
    graph({
      inputs: [value('x', ['batch', 8]), value('c', [], DataType.bool)],
      nodes: [
        node('If', ['c'], ['y'], {
          name: 'if',
          then_branch: branch('t', 'MatMul'),
          else_branch: branch('e', 'MatMul'),
        }),
      ],
      outputs: [value('y', ['batch', 8])],
      initializers: [floats('w', [8, 8])],
    }),
  );
}

/** A node that nobody knows, and what comes after it. */
export function withUnknown(): Model {
  return model(
    graph({
      inputs: [value('x', ['batch', 4])],
      nodes: [
        node('Mystery', ['x'], ['m'], { name: 'mystery', domain: 'example.org' }),
        node('Relu', ['m'], ['y'], { name: 'relu' }),
      ],
      outputs: [value('y')],
    }),
    { opsets: { 'example.org': 1 } },
  );
}

/** A tensor whose length only running tells: at most every element of x. */
export function withBound(): Model {
  return model(
    graph({
      inputs: [value('x', ['batch', 4])],
      nodes: [node('NonZero', ['x'], ['y'], { name: 'nz' })],
      outputs: [value('y')],
    }),
  );
}

/** Every cheap node that belongs to a convolution or stands alone. */
export function convolutional(): Model {
  return model(
    graph({
      inputs: [value('x', ['n', 3, 8, 8])],
      nodes: [
        node('Conv', ['x', 'w'], ['c'], {
          name: '/block.0/conv/Conv',
          kernel_shape: [3, 3],
          pads: [1, 1, 1, 1],
        }),
        node('BatchNormalization', ['c', 's', 'b', 'm', 'v'], ['bn'], {
          name: '/block.0/bn/BatchNormalization',
        }),
        node('Sigmoid', ['bn'], ['g'], { name: '/block.0/act/Sigmoid' }),
        node('Mul', ['bn', 'g'], ['a'], { name: '/block.0/act/Mul' }),
        node('MaxPool', ['a'], ['p'], { name: '/pool/MaxPool', kernel_shape: [2, 2], strides: [2, 2] }),
        node('Shape', ['p'], ['sh'], { name: '/Shape' }),
        node('Gather', ['sh', 'zero'], ['n0'], { name: '/Gather' }),
        node('Unsqueeze', ['n0', 'axes'], ['n1'], { name: '/Unsqueeze' }),
        node('Concat', ['n1', 'rest'], ['target'], { name: '/Concat', axis: 0 }),
        node('Reshape', ['p', 'target'], ['r'], { name: '/Reshape' }),
        node('MatMul', ['r', 'fw'], ['f'], { name: '/head/MatMul' }),
        node('Add', ['f', 'fb'], ['y'], { name: '/head/Add' }),
      ],
      outputs: [value('y', ['n', 5])],
      initializers: [
        floats('w', [6, 3, 3, 3]),
        ...['s', 'b', 'm', 'v'].map((name) => floats(name, [6])),
        int64s('zero', [], [0]),
        ints('axes', [0]),
        ints('rest', [-1]),
        floats('fw', [96, 5]),
        floats('fb', [5]),
      ],
    }),
  );
}

/** The article's first layer, quantized dynamically as ONNX Runtime's tools and ours do. */
export function quantized(): Model {
  return model(
    graph({
      inputs: [value('x', ['batch', 64])],
      nodes: [
        node('DynamicQuantizeLinear', ['x'], ['xq', 'xs', 'xz'], { name: 'x_QuantizeLinear' }),
        node('MatMulInteger', ['xq', 'wq', 'xz', 'wz'], ['acc'], { name: 'fc_quant' }),
        node('Cast', ['acc'], ['accf'], { name: 'fc_cast', to: DataType.float }),
        node('Mul', ['xs', 'ws'], ['s'], { name: 'fc_scales' }),
        node('Mul', ['accf', 's'], ['m'], { name: 'fc_scale' }),
        node('Add', ['m', 'b'], ['y'], { name: 'fc_bias' }),
      ],
      outputs: [value('y', ['batch', 48])],
      initializers: [
        tensor('wq', DataType.int8, [64, 48], new Uint8Array(64 * 48)),
        floats('ws', [1], [0.1]),
        tensor('wz', DataType.int8, [], new Uint8Array(1)),
        floats('b', [48]),
      ],
    }),
  );
}

/** 8 heads of 8, 16 tokens. */
export function quantizedAttention(): Model {
  const [hidden, columns] = [64, 3 * 64];
  return model(
    graph({
      inputs: [value('x', [1, 16, hidden])],
      nodes: [
        node('DynamicQuantizeLinear', ['x'], ['xq', 'xs', 'xz']),
        node('QAttention', ['xq', 'w', 'b', 'xs', 'ws', '', 'xz', 'wz'], ['y'], {
          ...{ domain: 'com.microsoft', name: 'attention', num_heads: 8 },
        }),
      ],
      outputs: [value('y', [1, 16, hidden])],
      initializers: [
        tensor('w', DataType.int8, [hidden, columns], new Uint8Array(hidden * columns)),
        floats('b', [columns]),
        floats('ws', [], [1]),
        tensor('wz', DataType.int8, [], new Uint8Array(1)),
      ],
    }),
    { opset: 17, opsets: { 'com.microsoft': 1 } },
  );
}
