/** Random networks of image operators: whatever is drawn is a valid model. */
import fc from 'fast-check';
import type { Model } from '../../../../src/onnx/model.ts';
import { node } from '../../../support/model-builder.ts';
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

const STEPS: readonly Step[] = [
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

export const randomNet: fc.Arbitrary<Model> = fc
  .array(fc.record({ op: fc.nat(STEPS.length - 1), a: fc.nat(20), b: fc.nat(20), n: fc.nat(30) }), {
    minLength: 2,
    maxLength: 12,
  })
  .map((draws) => {
    const net = new Net();
    const images: Image[] = [{ name: net.conv('x', 'stem', [8, 3]), channels: 8 }];
    draws.forEach((draw, i) => images.push(...STEPS[draw.op]!(net, `n${i}`, images, draw)));
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
