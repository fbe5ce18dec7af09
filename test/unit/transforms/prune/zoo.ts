/** Small networks of the kinds that pruning meets, built in code; each names its inputs. */
import { DataType } from '../../../../src/onnx/model.ts';
import { ints, node } from '../../../support/model-builder.ts';
import { head, image, Net, type ZooModel } from './net.ts';
import { ATTENTION_ZOO } from './zoo-attention.ts';
import { HALVES_ZOO } from './zoo-halves.ts';
import { RMS_ZOO } from './zoo-norm.ts';
import { SHUFFLE_ZOO } from './zoo-shuffle.ts';
import { unet } from './zoo-unet.ts';

export type { ZooModel };

function residual(): ZooModel {
  const net = new Net();
  const stem = net.relu(net.norm(net.conv('x', 'stem', [8, 3], { kernel: 3, bias: false }), 'stem.bn', 8));
  const a = net.relu(net.norm(net.conv(stem, 'a', [12, 8], { kernel: 3 }), 'a.bn', 12));
  const b = net.norm(net.conv(a, 'b', [8, 12], { kernel: 3 }), 'b.bn', 8);
  const sum = net.relu(net.op('Add', [b, stem], 'sum'));
  const down = net.conv(sum, 'down', [16, 8], { stride: 2 });
  const c = net.relu(net.conv(sum, 'c', [16, 8], { kernel: 3, stride: 2 }));
  const out = head(net, net.op('Add', [c, down], 'sum2'), 16);
  return {
    name: 'residual',
    model: net.build({ x: ['batch', 3, 8, 8] }, out),
    inputs: image,
    accepted: ['stem', 'a', 'b', 'down', 'c'],
    refused: { fc: /graph output "fc"/ },
  };
}

function dense(): ZooModel {
  const net = new Net();
  let x = net.conv('x', 'stem', [6, 3], { kernel: 3 });
  let channels = 6;
  for (const i of [0, 1, 2]) {
    const h = net.relu(net.norm(x, `bn${i}`, channels));
    const y = net.conv(h, `conv${i}`, [4, channels], { kernel: 3 });
    x = net.op('Concat', [x, y], `cat${i}`, { axis: 1 });
    channels += 4;
  }
  const out = head(net, x, channels);
  return {
    name: 'DenseNet',
    model: net.build({ x: ['batch', 3, 8, 8] }, out),
    inputs: image,
    accepted: ['stem', 'conv0', 'conv1', 'conv2'],
    refused: { fc: /graph output/ },
  };
}

function inception(): ZooModel {
  const net = new Net();
  const a = net.relu(net.conv('x', 'a', [6, 3]));
  const b = net.relu(net.conv(net.conv('x', 'b1', [4, 3]), 'b2', [8, 4], { kernel: 3 }));
  const pooled = net.op('MaxPool', ['x'], 'mp', {
    kernel_shape: [3, 3],
    pads: [1, 1, 1, 1],
    strides: [1, 1],
  });
  const c = net.relu(net.conv(pooled, 'c', [4, 3]));
  const cat = net.op('Concat', [a, b, c], 'cat', { axis: 1 });
  // a flattened image: 18 channels of 8 × 8 places each
  const flat = net.op('Reshape', [cat, net.shape('flat_shape', [-1, 18 * 64])], 'flat');
  return {
    name: 'Inception',
    model: net.build(
      { x: [2, 3, 8, 8] },
      net.gemm(net.relu(net.gemm(flat, 'fc1', [1152, 10])), 'fc2', [10, 4]),
    ),
    inputs: image,
    accepted: ['a', 'b1', 'b2', 'c', 'fc1'],
    refused: { fc2: /graph output/ },
  };
}

function mobile(): ZooModel {
  const net = new Net();
  const expand = net.op('HardSwish', [net.conv('x', 'expand', [12, 3])], 'hs');
  const depth = net.relu(net.norm(net.conv(expand, 'depth', [12, 12], { kernel: 3, group: 12 }), 'dbn', 12));
  // squeeze-excite
  const pooled = net.op('ReduceMean', [depth], 'squeeze', { axes: [2, 3], keepdims: 1 });
  const down = net.relu(net.conv(pooled, 'se1', [4, 12]));
  const gate = net.op('HardSigmoid', [net.conv(down, 'se2', [12, 4])], 'gate');
  const scaled = net.op('Mul', [depth, gate], 'scaled');
  const project = net.conv(scaled, 'project', [6, 12]);
  const twice = net.conv(project, 'multiplied', [12, 6], { kernel: 3, group: 6 });
  return {
    name: 'MobileNet',
    model: net.build(
      { x: ['n', 3, 8, 8] },
      head(net, net.op('PRelu', [twice, net.weight('slope', [12, 1, 1])], 'prelu'), 12),
    ),
    inputs: image,
    accepted: ['expand', 'depth', 'se1', 'se2', 'project', 'multiplied'],
    refused: { fc: /graph output/ },
  };
}

/** Groups of channels, shuffled: [n, 2, c / 2, h, w] transposed. */
function shuffle(isComputed: boolean): ZooModel {
  const net = new Net();
  const a = net.relu(net.conv('x', 'a', [8, 3]));
  const g1 = net.conv(a, 'g1', [12, 8], { group: 2 });
  const five = isComputed
    ? net.op(
        'Concat',
        [
          net.op(
            'Slice',
            [net.op('Shape', [g1], 'dims'), net.shape('zero', [0]), net.shape('one', [1])],
            'n',
          ),
          net.shape('mid', [2, 6]),
          net.op('Slice', ['dims', net.shape('two', [2]), net.shape('four', [4])], 'hw'),
        ],
        'five',
        { axis: 0 },
      )
    : net.shape('five', [0, 2, 6, 8, 8]);
  const taken = net.op('Reshape', [g1, five], 'taken');
  const turned = net.op('Transpose', [taken], 'turned', { perm: [0, 2, 1, 3, 4] });
  const four = isComputed ? 'dims' : net.shape('back_shape', [-1, 12, 8, 8]);
  const mixed = net.op('Reshape', [turned, four], 'mixed');
  const g2 = net.conv(mixed, 'g2', [12, 12], { kernel: 3, group: 2 });
  const parts = ['left', 'right'];
  net.nodes.push(node('Split', [g2], parts, { name: 'split', axis: 1 }));
  const right = net.relu(net.conv('right', 'branch', [6, 6]));
  const joined = net.op('Concat', ['left', right], 'joined', { axis: 1 });
  const shaken = net.op('Reshape', [joined, isComputed ? five : net.shape('s2', [-1, 2, 6, 8, 8])], 'shaken');
  const back = net.op('Transpose', [shaken], 'shaken2', { perm: [0, 2, 1, 3, 4] });
  const out = net.op('Reshape', [back, isComputed ? four : net.shape('s3', [-1, 12, 8, 8])], 'flat12');
  return {
    name: isComputed ? 'ShuffleNet, shapes computed' : 'ShuffleNet',
    model: net.build({ x: isComputed ? ['n', 3, 'h', 'w'] : ['n', 3, 8, 8] }, head(net, out, 12)),
    inputs: image,
    accepted: ['a', 'g1', 'g2', 'branch'],
    refused: { fc: /graph output/ },
  };
}

function groupNorm(): ZooModel {
  const net = new Net();
  const a = net.conv('x', 'a', [12, 3], { kernel: 3 });
  // as exporters write GroupNorm: InstanceNormalization over [n, groups, rest]
  const folded = net.op('Reshape', [a, net.shape('gs', [0, 4, -1])], 'folded');
  const normed = net.op(
    'InstanceNormalization',
    [folded, net.weight('ones', [4], 0, 1), net.weight('zeros', [4], 0)],
    'in',
  );
  const open = net.op('Reshape', [normed, net.shape('os', [-1, 12, 8, 8])], 'open');
  const scaled = net.op('Mul', [open, net.weight('gamma', [12, 1, 1], 1, 1)], 'gn');
  const biased = net.relu(net.op('Add', [scaled, net.weight('beta', [12, 1, 1])], 'gn.b'));
  const b = net.conv(biased, 'b', [8, 12], { kernel: 3 });
  const instance = net.op(
    'InstanceNormalization',
    [b, net.weight('is', [8], 1, 1), net.weight('ib', [8])],
    'plain',
  );
  return {
    name: 'GroupNorm',
    model: net.build({ x: ['n', 3, 8, 8] }, head(net, instance, 8)),
    inputs: image,
    accepted: ['a', 'b'],
    refused: { fc: /graph output/ },
  };
}

function attention(
  net: Net,
  x: string,
  name: string,
  [width, heads, size, shared]: readonly [number, number, number, number],
): string {
  const project = (part: string, n: number) => {
    const y = net.linear(x, `${name}.${part}`, [width, n * size]);
    const open = net.op(
      'Reshape',
      [y, net.shape(`${name}.${part}.shape`, [0, 0, n, size])],
      `${name}.${part}.open`,
    );
    return net.op('Transpose', [open], `${name}.${part}.heads`, { perm: [0, 2, 1, 3] });
  };
  const repeat = (v: string, part: string) => {
    if (shared === heads) return v;
    const lifted = net.op('Unsqueeze', [v, net.shape(`${name}.${part}.at`, [2])], `${name}.${part}.lifted`);
    const wide = net.shape(`${name}.${part}.wide`, [2, shared, heads / shared, 6, size]);
    const many = net.op('Expand', [lifted, wide], `${name}.${part}.many`);
    return net.op(
      'Reshape',
      [many, net.shape(`${name}.${part}.back`, [2, heads, 6, size])],
      `${name}.${part}.rep`,
    );
  };
  const q = project('q', heads);
  const k = repeat(project('k', shared), 'k2');
  const v = repeat(project('v', shared), 'v2');
  const turned = net.op('Transpose', [k], `${name}.kt`, { perm: [0, 1, 3, 2] });
  const scores = net.op('Softmax', [net.op('MatMul', [q, turned], `${name}.qk`)], `${name}.p`, { axis: -1 });
  const mixed = net.op('Transpose', [net.op('MatMul', [scores, v], `${name}.pv`)], `${name}.mixed`, {
    perm: [0, 2, 1, 3],
  });
  const flat = net.op('Reshape', [mixed, net.shape(`${name}.flat`, [0, 0, heads * size])], `${name}.flat2`);
  return net.op('Add', [x, net.linear(flat, `${name}.o`, [heads * size, width])], `${name}.res`);
}

function layerNorm(net: Net, x: string, name: string, n: number): string {
  return net.op(
    'LayerNormalization',
    [x, net.weight(`${name}.g`, [n], 1, 1), net.weight(`${name}.b`, [n])],
    name,
    { axis: -1 },
  );
}

function transformer(shared: number): ZooModel {
  const net = new Net();
  const embedded = net.linear('x', 'embed', [5, 16]);
  const placed = net.op('Add', [embedded, net.weight('pos', [1, 6, 16])], 'placed');
  const attended = attention(net, layerNorm(net, placed, 'ln1', 16), 'attn', [16, 4, 4, shared]);
  const up = net.op('Gelu', [net.linear(layerNorm(net, attended, 'ln2', 16), 'up', [16, 32])], 'gelu', {
    domain: 'com.microsoft',
  });
  const out = net.op('Add', [attended, net.linear(up, 'down', [32, 16])], 'res2');
  return {
    name: shared === 4 ? 'ViT' : 'GPT-like, grouped queries',
    model: net.build({ x: [2, 6, 5] }, net.linear(out, 'logits', [16, 3])),
    inputs: { x: [2, 6, 5] },
    accepted: ['attn.q', 'attn.k', 'attn.v', 'up'],
    refused: { embed: /ln1/, down: /ln1|ln2/, 'attn.o': /ln1|ln2/, logits: /graph output/ },
  };
}

/** One projection for query, key and value, taken apart by Reshape, Transpose and Gather, as PyTorch's timm does. */
function packed(): ZooModel {
  const net = new Net();
  const qkv = net.linear('x', 'qkv', [8, 3 * 4 * 2]);
  const open = net.op('Reshape', [qkv, net.shape('five', [0, 0, 3, 4, 2])], 'open');
  const turned = net.op('Transpose', [open], 'turned', { perm: [2, 0, 3, 1, 4] });
  const pick = (i: number) => {
    net.tensors.push({ ...ints(`i${i}`, [i]), dims: [] });
    return net.op('Gather', [turned, `i${i}`], `part${i}`, { axis: 0 });
  };
  const [q, k, v] = [pick(0), pick(1), pick(2)];
  const kt = net.op('Transpose', [k], 'kt', { perm: [0, 1, 3, 2] });
  // the root of a size, worked out at run time: it stays what it was
  const size = net.op(
    'Slice',
    [net.op('Shape', [qkv], 'dims'), net.shape('last', [2]), net.shape('end', [3])],
    'size',
  );
  const root = net.op('Sqrt', [net.op('Cast', [size], 'cast', { to: DataType.float })], 'root');
  const scores = net.op('Div', [net.op('MatMul', [q, kt], 'qk'), root], 'scaled');
  const p = net.op('Softmax', [scores], 'p', { axis: -1 });
  const mixed = net.op('Transpose', [net.op('MatMul', [p, v], 'pv')], 'mixed', { perm: [0, 2, 1, 3] });
  const flat = net.op('Reshape', [mixed, net.shape('back', [0, 0, -1])], 'flat');
  return {
    name: 'attention, packed projection',
    model: net.build({ x: ['n', 6, 8] }, net.linear(flat, 'out', [8, 3])),
    inputs: { x: [2, 6, 8] },
    accepted: ['qkv'],
    refused: { out: /graph output/ },
  };
}

function fused(): ZooModel {
  const net = new Net();
  const [q, k, v] = ['q', 'k', 'v'].map((n) => net.op('MatMul', ['x', net.weight(`${n}.w`, [8, 16], 3)], n));
  const bias = net.weight('bias', [48]);
  const y = net.op('MultiHeadAttention', [q!, k!, v!, bias], 'mha', {
    domain: 'com.microsoft',
    num_heads: 4,
  });
  return {
    name: 'attention in one node',
    model: net.build({ x: [2, 6, 8] }, net.linear(y, 'out', [16, 3])),
    inputs: { x: [2, 6, 8] },
    accepted: ['q', 'k', 'v'],
    refused: { out: /graph output/ },
  };
}

function lstm(opType: 'LSTM' | 'GRU'): ZooModel {
  const net = new Net();
  const gates = opType === 'LSTM' ? 4 : 3;
  const layer = (x: string, name: string, into: number, hidden: number, directions: number) => {
    const w = net.weight(`${name}.w`, [directions, gates * hidden, into], 3);
    const r = net.weight(`${name}.r`, [directions, gates * hidden, hidden], 3);
    const b = net.weight(`${name}.b`, [directions, 2 * gates * hidden]);
    const direction = directions === 2 ? 'bidirectional' : 'forward';
    net.op(opType, [x, w, r, b], name, { hidden_size: hidden, direction });
    return name;
  };
  const embedded = net.linear('x', 'embed', [4, 6]);
  const both = layer(embedded, 'rnn1', 6, 5, 2);
  const turned = net.op('Transpose', [both], 'turned', { perm: [0, 2, 1, 3] });
  const flat = net.op('Reshape', [turned, net.shape('fs', [0, 0, -1])], 'flat');
  const one = net.op('Squeeze', [layer(flat, 'rnn2', 10, 6, 1), net.shape('sq', [1])], 'one');
  return {
    name: opType,
    model: net.build({ x: [7, 2, 4] }, net.linear(one, 'out', [6, 3])),
    inputs: { x: [7, 2, 4] },
    accepted: ['embed', 'rnn1', 'rnn2'],
    refused: { out: /graph output/ },
  };
}

/** As exporters leave it: layers of different groups share a bias, a scale and means, directly and behind Identity. */
function shared(): ZooModel {
  const net = new Net();
  const bias = net.weight('zeros', [8]);
  const conv = (x: string, name: string, b: string, into: number): string =>
    net.op('Conv', [x, net.weight(`${name}.w`, [8, into, 1, 1], 3), b], name);
  const norm = (x: string, name: string): string =>
    net.relu(net.op('BatchNormalization', [x, 'ones', 'zeros', bias, 'ones'], name));
  net.weight('ones', [8], 0.5, 1);
  const a = norm(conv('x', 'a', bias, 3), 'a.bn');
  const b = norm(conv(a, 'b', net.op('Identity', [bias], 'same'), 8), 'b.bn');
  const c = net.relu(conv(b, 'c', bias, 8));
  const y = net.op('Add', [conv(c, 'd', bias, 8), b], 'sum');
  return {
    name: 'shared biases',
    model: net.build({ x: ['n', 3, 8, 8] }, net.conv(y, 'last', [8, 8])),
    inputs: image,
    accepted: ['a', 'b', 'c', 'd'],
    refused: { last: /graph output/ },
  };
}

/** Channels padded by zeros, permuted by Gather, halved by Slice, moved by DepthToSpace. */
function moves(): ZooModel {
  const net = new Net();
  const a = net.conv('x', 'a', [6, 3]);
  const zeros = net.op('ConstantOfShape', [net.shape('zs', [2, 2, 8, 8])], 'zeros');
  const wide = net.op('Concat', [a, zeros], 'wide', { axis: 1 });
  const order = net.shape('order', [3, 1, 7, 0, 2, 5, 4, 6]);
  const mixed = net.op('Gather', [wide, order], 'mixed', { axis: 1 });
  const b = net.conv(mixed, 'b', [16, 8]);
  const big = net.op('DepthToSpace', [b], 'd2s', { blocksize: 2 });
  const small = net.op('SpaceToDepth', [big], 's2d', { blocksize: 2 });
  const c = net.op('Conv', [small, net.weight('c.w', [4, 16, 1, 1], 3)], 'c');
  const summed = net.op('ReduceSum', [c, net.shape('axes', [1])], 'summed', { keepdims: 1 });
  return {
    name: 'moved channels',
    model: net.build({ x: [2, 3, 8, 8] }, net.op('Tanh', [summed], 'y')),
    inputs: image,
    accepted: ['a', 'b', 'c'],
    refused: {},
  };
}

export const ZOO: readonly ZooModel[] = [
  residual(),
  dense(),
  inception(),
  mobile(),
  shuffle(false),
  shuffle(true),
  ...SHUFFLE_ZOO,
  ...HALVES_ZOO,
  unet(),
  groupNorm(),
  transformer(4),
  transformer(2),
  packed(),
  fused(),
  ...ATTENTION_ZOO,
  ...RMS_ZOO,
  lstm('LSTM'),
  lstm('GRU'),
  moves(),
  shared(),
];
