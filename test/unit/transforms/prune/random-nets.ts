/** Random networks of image operators, attention, recurrent cells and bodies: whatever is drawn is a valid model. */
import fc from 'fast-check';
import { DataType, type Graph, type Model, type Value } from '../../../../src/onnx/model.ts';
import { graph, node, value } from '../../../support/model-builder.ts';
import { Net } from './net.ts';

interface Image {
  readonly name: string;
  readonly channels: number;
}

interface Draw {
  readonly op: number;
  readonly a: number;
  readonly b: number;
  readonly n: number;
}

type Step = (net: Net, id: string, images: readonly Image[], draw: Draw) => Image[];

const SIDE = 4;
const pick = (images: readonly Image[], n: number): Image => images[n % images.length]!;
const even = (n: number): number => 2 * (1 + (n % 4));

/** `x` brought to `channels` where it has another number. */
function fitted(net: Net, id: string, x: Image, channels: number): string {
  return x.channels === channels ? x.name : net.conv(x.name, `${id}.fit`, [channels, x.channels]);
}

const unary =
  (opType: string): Step =>
  (net, id, images, { a }) => {
    const x = pick(images, a);
    return [{ name: net.op(opType, [x.name], id), channels: x.channels }];
  };

/** [1, C, 4, 4] → [1, 16, C], and back. */
function sequence(net: Net, id: string, x: Image, perm: readonly number[] = [0, 2, 1]): string {
  const flat = net.op('Reshape', [x.name, net.shape(`${id}.f`, [0, 0, -1])], `${id}.flat`);
  return net.op('Transpose', [flat], `${id}.turned`, { perm });
}

function unrolled(net: Net, id: string, x: string, perm: readonly number[] = [0, 2, 1]): string {
  const turned = net.op('Transpose', [x], `${id}.back`, { perm });
  return net.op('Reshape', [turned, net.shape(`${id}.i`, [0, 0, SIDE, SIDE])], id);
}

const recurrent =
  (opType: 'LSTM' | 'GRU', gates: number): Step =>
  (net, id, images, { a, n }) => {
    const x = pick(images, a);
    const hidden = even(n);
    const steps = sequence(net, id, x, [2, 0, 1]);
    const parts = [
      net.weight(`${id}.w`, [1, gates * hidden, x.channels]),
      net.weight(`${id}.r`, [1, gates * hidden, hidden]),
      net.weight(`${id}.b`, [1, 2 * gates * hidden]),
    ];
    const all = net.op(opType, [steps, ...parts], `${id}.all`, { hidden_size: hidden });
    const one = net.op('Squeeze', [all, net.shape(`${id}.1`, [1])], `${id}.one`);
    return [{ name: unrolled(net, id, one, [1, 2, 0]), channels: hidden }];
  };

/** Two heads. */
const attention: Step = (net, id, images, { a, n }) => {
  const x = pick(images, a);
  const [heads, size, out] = [2, 1 + (n % 3), even(n)];
  const steps = sequence(net, id, x);
  const part = (name: string, perm: readonly number[]): string => {
    const y = net.linear(steps, `${id}.${name}`, [x.channels, heads * size]);
    const open = net.op(
      'Reshape',
      [y, net.shape(`${id}.${name}.o`, [0, 0, heads, size])],
      `${id}.${name}.open`,
    );
    return net.op('Transpose', [open], `${id}.${name}.t`, { perm });
  };
  const [q, k, v] = [part('q', [0, 2, 1, 3]), part('k', [0, 2, 3, 1]), part('v', [0, 2, 1, 3])];
  const scores = net.op('Softmax', [net.op('MatMul', [q, k], `${id}.qk`)], `${id}.soft`, { axis: -1 });
  const mixed = net.op('Transpose', [net.op('MatMul', [scores, v], `${id}.mix`)], `${id}.m`, {
    perm: [0, 2, 1, 3],
  });
  const joined = net.op('Reshape', [mixed, net.shape(`${id}.j`, [0, 0, heads * size])], `${id}.joined`);
  return [{ name: unrolled(net, id, net.linear(joined, `${id}.out`, [heads * size, out])), channels: out }];
};

const STEPS: readonly Step[] = [
  attention,
  recurrent('LSTM', 4),
  recurrent('GRU', 3),
  (net, id, images, { a, n }) => {
    const x = pick(images, a);
    return [
      {
        name: net.conv(x.name, id, [even(n), x.channels], { kernel: n % 3 === 0 ? 3 : 1 }),
        channels: even(n),
      },
    ];
  },
  (net, id, images, { a, n }) => {
    const x = pick(images, a);
    return [{ name: net.conv(x.name, id, [even(n), x.channels], { group: 2 }), channels: even(n) }];
  },
  (net, id, images, { a, n }) => {
    const x = pick(images, a);
    const out = x.channels * (1 + (n % 2));
    return [
      { name: net.conv(x.name, id, [out, x.channels], { kernel: 3, group: x.channels }), channels: out },
    ];
  },
  (net, id, images, { a }) => {
    const x = pick(images, a);
    return [{ name: net.norm(x.name, id, x.channels), channels: x.channels }];
  },
  unary('Relu'),
  unary('Sigmoid'),
  unary('HardSwish'),
  (net, id, images, { a, b, n }) => {
    const [x, y] = [pick(images, a), pick(images, b)];
    const opType = ['Add', 'Mul', 'Sub', 'Max'][n % 4]!;
    return [{ name: net.op(opType, [x.name, fitted(net, id, y, x.channels)], id), channels: x.channels }];
  },
  (net, id, images, { a, b }) => {
    const [x, y] = [pick(images, a), pick(images, b)];
    return [{ name: net.op('Concat', [x.name, y.name], id, { axis: 1 }), channels: x.channels + y.channels }];
  },
  (net, id, images, { a }) => {
    const x = pick(images, a);
    const half = x.channels / 2;
    net.nodes.push(node('Split', [x.name], [`${id}.l`, `${id}.r`], { name: id, axis: 1 }));
    return ['l', 'r'].map((part) => ({
      name: net.conv(`${id}.${part}`, `${id}.${part}.c`, [even(half), half]),
      channels: even(half),
    }));
  },
  (net, id, images, { a, n }) => {
    const x = pick(images, a);
    const start = n % 2;
    const cut = net.op(
      'Slice',
      [x.name, net.shape(`${id}.s`, [start]), net.shape(`${id}.e`, [x.channels]), net.shape(`${id}.a`, [1])],
      `${id}.cut`,
    );
    return [{ name: net.conv(cut, id, [4, x.channels - start]), channels: 4 }];
  },
  (net, id, images, { a }) => {
    const x = pick(images, a);
    const open = net.op(
      'Reshape',
      [x.name, net.shape(`${id}.o`, [0, 2, x.channels / 2, SIDE, SIDE])],
      `${id}.open`,
    );
    const turned = net.op('Transpose', [open], `${id}.t`, { perm: [0, 2, 1, 3, 4] });
    const back = net.shape(`${id}.b`, [-1, x.channels, SIDE, SIDE]);
    return [{ name: net.op('Reshape', [turned, back], id), channels: x.channels }];
  },
  (net, id, images, { a, n }) => {
    const x = pick(images, a);
    const pooled = net.op('GlobalAveragePool', [x.name], `${id}.pool`);
    const gate = net.op(
      'Sigmoid',
      [
        net.conv(net.relu(net.conv(pooled, `${id}.1`, [even(n), x.channels])), `${id}.2`, [
          x.channels,
          even(n),
        ]),
      ],
      `${id}.gate`,
    );
    return [{ name: net.op('Mul', [x.name, gate], id), channels: x.channels }];
  },
  (net, id, images, { a }) => {
    const x = pick(images, a);
    const open = net.op('Reshape', [x.name, net.shape(`${id}.o`, [0, 2, -1])], `${id}.open`);
    const parts = [net.weight(`${id}.s`, [2], 0, 1), net.weight(`${id}.z`, [2], 0)];
    const normed = net.op('InstanceNormalization', [open, ...parts], `${id}.in`);
    return [
      {
        name: net.op('Reshape', [normed, net.shape(`${id}.b`, [-1, x.channels, SIDE, SIDE])], id),
        channels: x.channels,
      },
    ];
  },
  (net, id, images, { a }) => {
    const x = pick(images, a);
    const padded = net.op('Pad', [x.name, net.shape(`${id}.p`, [0, 0, 0, 0, 0, 2, 0, 0])], id);
    return [{ name: padded, channels: x.channels + 2 }];
  },
  (net, id, images, { a }) => {
    const x = pick(images, a);
    const order = Array.from({ length: x.channels }, (_, i) => (i * 3 + 1) % x.channels);
    return [
      {
        name: net.op('Gather', [x.name, net.shape(`${id}.i`, order)], id, { axis: 1 }),
        channels: x.channels,
      },
    ];
  },
  (net, id, images, { a }) => {
    const x = pick(images, a);
    const turned = net.op('Transpose', [x.name], `${id}.t`, { perm: [0, 2, 3, 1] });
    const normed = net.op(
      'LayerNormalization',
      [turned, net.weight(`${id}.g`, [x.channels], 1, 1)],
      `${id}.n`,
    );
    return [{ name: net.op('Transpose', [normed], id, { perm: [0, 3, 1, 2] }), channels: x.channels }];
  },
];

/** As a graph around it sees the image: [1, channels, 4, 4] → [1, 4, 4, 4]. */
function body(
  id: string,
  x: Image,
  draw: Draw,
  inputs: readonly Value[] = [],
  more: readonly Value[] = [],
): Graph {
  const net = new Net();
  const images: Image[] = [
    { name: net.conv(x.name, `${id}.stem`, [even(draw.n), x.channels]), channels: even(draw.n) },
  ];
  for (const k of [draw.op, draw.a, draw.b]) {
    const own = { op: k, a: draw.b + k, b: draw.a, n: draw.n + k };
    images.push(...STEPS[(draw.n * 7 + k) % STEPS.length]!(net, `${id}.${images.length}`, images, own));
  }
  const last = images.at(-1)!;
  const y = net.conv(last.name, `${id}.last`, [4, last.channels]);
  if (more.length > 0) net.nodes.push(node('Identity', ['go'], ['go_on'], { name: `${id}.go` }));
  return graph({ inputs, outputs: [...more, value(y, IMAGE)], nodes: net.nodes, initializers: net.tensors });
}

const IMAGE = [1, 4, SIDE, SIDE];

const BODIES: readonly Step[] = [
  (net, id, images, draw) => {
    const x = pick(images, draw.a);
    const sum = net.op('ReduceSum', [x.name], `${id}.sum`, { keepdims: 0 });
    // not zero, about which the sum of what was normalized lies: rounding would choose the branch
    const cond = net.op('Greater', [sum, net.weight(`${id}.edge`, [], 0, 0.1)], `${id}.cond`);
    const [then_branch, else_branch] = [0, 1].map((i) =>
      body(`${id}.b${i}`, x, { ...draw, n: draw.n + 5 * i }),
    );
    return [{ name: net.op('If', [cond], id, { then_branch, else_branch }), channels: 4 }];
  },
  (net, id, images, draw) => {
    const x = pick(images, draw.a);
    const state = { name: `${id}.state`, channels: 4 };
    const inputs = [
      value(`${id}.i`, [], DataType.int64),
      value('go', [], DataType.bool),
      value(state.name, IMAGE),
    ];
    const loop = body(`${id}.b`, state, draw, inputs, [value('go_on', [], DataType.bool)]);
    const start = fitted(net, id, x, 4);
    return [
      { name: net.op('Loop', [net.shape(`${id}.trips`, [2]), '', start], id, { body: loop }), channels: 4 },
    ];
  },
  (net, id, images, draw) => {
    const x = pick(images, draw.a);
    const state = { name: `${id}.state`, channels: 4 };
    const inputs = [value(state.name, IMAGE), value(`${id}.row`, [1])];
    const scan = body(`${id}.b`, state, draw, inputs);
    const rows = net.weight(`${id}.rows`, [2, 1]);
    const start = fitted(net, id, x, 4);
    return [{ name: net.op('Scan', [start, rows], id, { body: scan, num_scan_inputs: 1 }), channels: 4 }];
  },
];

/** A sum of an image and of what a branch of one to three nodes makes of it. */
const residual: Step = (net, id, images, { a, n }) => {
  const x = pick(images, a);
  const inner = even(n);
  const branch = [net.conv(x.name, `${id}.in`, [inner, x.channels], { kernel: n % 3 === 0 ? 3 : 1 })];
  if (n % 2 === 0) branch.push(net.op('Relu', [branch.at(-1)!], `${id}.relu`));
  if (inner !== x.channels || n % 5 > 1)
    branch.push(net.conv(branch.at(-1)!, `${id}.out`, [x.channels, inner]));
  return [{ name: net.op('Add', [x.name, branch.at(-1)!], id), channels: x.channels }];
};

function drawn(steps: readonly Step[]): fc.Arbitrary<Model> {
  const draw = fc.record({ op: fc.nat(steps.length - 1), a: fc.nat(20), b: fc.nat(20), n: fc.nat(30) });
  return fc.array(draw, { minLength: 2, maxLength: 12 }).map((draws) => {
    const net = new Net();
    const images: Image[] = [{ name: net.conv('x', 'stem', [8, 3]), channels: 8 }];
    draws.forEach((d, i) => images.push(...steps[d.op]!(net, `n${i}`, images, d)));
    // everything that was made is read
    const all = net.op(
      'Concat',
      images.slice(-3).map((i) => i.name),
      'all',
      { axis: 1 },
    );
    const channels = images.slice(-3).reduce((n, i) => n + i.channels, 0);
    return net.build({ x: [1, 3, SIDE, SIDE] }, net.conv(all, 'last', [2, channels]));
  });
}

export const randomNet = drawn(STEPS);
/** A body in about every third place. */
export const randomNetOfBodies = drawn([...STEPS, ...Array.from({ length: 3 }, () => BODIES).flat()]);
/** A residual block in about every third place. */
export const randomNetOfBlocks = drawn([...STEPS, ...Array.from({ length: 8 }, () => residual)]);
