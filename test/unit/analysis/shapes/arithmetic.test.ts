import { describeCases } from './cases.ts';

describeCases('arithmetic', [
  ['broadcasts', 'Add', ['float32[n, 1, 5]', 'float32[4, 5]'], {}, ['float32[n, 4, 5]']],
  ['refuses what does not broadcast', 'Add', ['float32[3]', 'float32[4]'], {}, /3 and 4 cannot be broadcast/],
  [
    'of two symbols the greater: the other is 1',
    'Mul',
    ['float32[a]', 'float32[b]'],
    {},
    ['float32[max(a, b)]'],
  ],
  ['of a symbol and a size the size', 'Mul', ['float32[a]', 'float32[7]'], {}, ['float32[7]']],
  [
    'before opset 7 the first has the shape',
    'Add',
    ['float32[2, 3]', 'float32[3]'],
    {},
    ['float32[2, 3]'],
    6,
  ],
  ['several', 'Sum', ['float32[3, 1]', 'float32[4]', 'float32[]'], {}, ['float32[3, 4]']],
  ['content', 'Mul', ['int64[2]: 3 4', 'int64[]: 5'], {}, ['int64[2]: 15 20']],
  // integers are cut towards zero: 7 / 2 = 3
  ['of integers', 'Div', ['int64[1]: 7', 'int64[1]: 2'], {}, ['int64[1]: 3']],
  ['of floats', 'Div', ['float32[1]: 7', 'float32[1]: 2'], {}, ['float32[1]: 3.5']],
  ['remainder with the sign of the divisor', 'Mod', ['int64[1]: -7', 'int64[1]: 3'], {}, ['int64[1]: 2']],
  ['power', 'Pow', ['int64[1]: 3', 'int64[1]: 4'], {}, ['int64[1]: 81']],
  ['comparison gives bool', 'Less', ['float32[n, 2]', 'float32[]'], {}, ['bool[n, 2]']],
  ['comparison of content', 'GreaterOrEqual', ['int64[2]: 3 4', 'int64[]: 4'], {}, ['bool[2]: 0 1']],
  ['choice', 'Where', ['bool[2]: 1 0', 'int64[2]: 3 4', 'int64[]: 9'], {}, ['int64[2]: 3 9']],
  ['one side decides', 'And', ['bool[1]: 0', 'bool[1]'], {}, ['bool[1]']],
  ['bits', 'BitwiseAnd', ['uint8[3, 1]', 'uint8[2]'], {}, ['uint8[3, 2]']],
  ['slope per channel', 'PRelu', ['float32[n, 4, 5]', 'float32[4, 1]'], {}, ['float32[n, 4, 5]']],
  ['gate', 'SwiGLU', ['float32[n, 8]', 'float32[n, 8]'], {}, ['float32[n, 8]'], 28],
]);

describeCases('element by element', [
  ['keeps the shape', 'Relu', ['float16[n, 3]'], {}, ['float16[n, 3]']],
  ['rounds halves to even', 'Round', ['float32[3]: 0.5 1.5 2.5'], {}, ['float32[3]: 0 2 2']],
  ['rounds up', 'Ceil', ['float32[2]: 1.25 -1.25'], {}, ['float32[2]: 2 -1']],
  ['negation of truth', 'Not', ['bool[2]: 0 1'], {}, ['bool[2]: 1 0']],
  ['limits', 'Clip', ['float32[3]: -1 0.5 2', 'float32[]: 0', 'float32[]: 1'], {}, ['float32[3]: 0 0.5 1']],
  ['mask is bool since 10', 'Dropout', ['float32[n, 4]'], {}, ['float32[n, 4]', 'bool[n, 4]']],
  ['mask was float', 'Dropout', ['float32[n, 4]'], {}, ['float32[n, 4]', 'float32[n, 4]'], 7],
  ['test of numbers', 'IsNaN', ['float32[n]'], {}, ['bool[n]']],
  ['passes on what it gets', 'Identity', ['int64[2]: 3 4'], {}, ['int64[2]: 3 4']],
]);

describeCases('casts', [
  ['to another type', 'Cast', ['float32[n, 2]'], { to: 7 }, ['int64[n, 2]']],
  ['cuts towards zero', 'Cast', ['float32[2]: 2.9 -2.9'], { to: 7 }, ['int64[2]: 2 -2']],
  ['to truth', 'Cast', ['int64[3]: 0 2 -1'], { to: 9 }, ['bool[3]: 0 1 1']],
  ['type by name before opset 6', 'Cast', ['float32[n]'], { to: 'INT32' }, ['int32[n]'], 5],
  ['as another tensor', 'CastLike', ['float32[n]', 'float16[]'], {}, ['float16[n]']],
]);

describeCases('reduction', [
  [
    'axes as input since 18',
    'ReduceMean',
    ['float32[n, 3, 4]', 'int64[2]: 1 -1'],
    {},
    ['float32[n, 1, 1]'],
    18,
  ],
  [
    'axes as attribute',
    'ReduceMean',
    ['float32[n, 3, 4]'],
    { axes: [1], keepdims: 0 },
    ['float32[n, 4]'],
    13,
  ],
  [
    'refuses an axis out of range',
    'ReduceMean',
    ['float32[n, 3]'],
    { axes: [2] },
    /axis 2 is out of range for rank 2/,
    13,
  ],
  ['over all', 'ReduceMax', ['float32[n, 3]'], { keepdims: 0 }, ['float32[]']],
  ['over none', 'ReduceSum', ['float32[n, 3]'], { noop_with_empty_axes: 1 }, ['float32[n, 3]']],
  // an output dim comes from its own axis or the next: at most the greater of both
  [
    'over what running tells',
    'ReduceSum',
    ['float32[5, 3]', 'int64[1]'],
    { keepdims: 0 },
    ['float32[y0.d0 ≤ 5]'],
  ],
  [
    'keeps dims it may reduce',
    'ReduceSum',
    ['float32[0, 3]', 'int64[1]'],
    {},
    ['float32[y0.d0 ≤ 1, y0.d1 ≤ 3]'],
  ],
  ['content', 'ReduceProd', ['int64[3]: 2 3 4'], { keepdims: 0 }, ['int64[]: 24']],
  ['place of the greatest', 'ArgMax', ['float32[n, 3, 4]'], { axis: -1, keepdims: 0 }, ['int64[n, 3]']],
]);

describeCases('matrix products', [
  ['batches broadcast', 'MatMul', ['float32[n, 1, 3, 4]', 'float32[5, 4, 6]'], {}, ['float32[n, 5, 3, 6]']],
  ['vectors', 'MatMul', ['float32[4]', 'float32[n, 4, 6]'], {}, ['float32[n, 6]']],
  ['of two vectors a scalar', 'MatMul', ['float32[4]', 'float32[4]'], {}, ['float32[]']],
  ['refuses other inner dims', 'MatMul', ['float32[2, 3]', 'float32[4, 5]'], {}, /inner dims.*3 and 4/],
  ['transposed', 'Gemm', ['float32[k, n]', 'float32[10, k]'], { transA: 1, transB: 1 }, ['float32[n, 10]']],
  ['refuses what is no matrix', 'Gemm', ['float32[2, 3, 4]', 'float32[4, 5]'], {}, /ranks are 3 and 2/],
  ['of integers', 'MatMulInteger', ['uint8[n, 4]', 'int8[4, 6]'], {}, ['int32[n, 6]']],
  [
    'ellipsis',
    'Einsum',
    ['float32[n, 2, 3]', 'float32[n, 3, 5]'],
    { equation: '...ij,...jk->...ik' },
    ['float32[n, 2, 5]'],
  ],
  [
    'implicit output: i and k once each',
    'Einsum',
    ['float32[2, 3]', 'float32[3, 5]'],
    { equation: 'ij,jk' },
    ['float32[2, 5]'],
  ],
  [
    'refuses a term that does not fit',
    'Einsum',
    ['float32[2, 3]'],
    { equation: 'ijk->i' },
    /does not fit rank 2/,
  ],
  ['determinants', 'Det', ['float32[n, 3, 3]'], {}, ['float32[n]']],
]);
