/** ShuffleNet, first version: grouped 1 × 1, shuffle, depthwise, grouped 1 × 1, then a sum, or a Concat where it halves. */
import { head, image, Net, type ZooModel } from './net.ts';

function shuffled(net: Net, x: string, name: string, [channels, groups, side]: readonly number[]): string {
  const [c = 1, g = 1, s = 1] = [channels, groups, side];
  const open = net.op('Reshape', [x, net.shape(`${name}.open`, [-1, g, c / g, s, s])], `${name}.taken`);
  const turned = net.op('Transpose', [open], `${name}.turned`, { perm: [0, 2, 1, 3, 4] });
  return net.op('Reshape', [turned, net.shape(`${name}.close`, [-1, c, s, s])], `${name}.shuffled`);
}

interface Unit {
  readonly into: number;
  /** Between the two grouped convolutions. */
  readonly middle: number;
  /** Groups. */
  readonly group: number;
  /** Of the image. */
  readonly side: number;
  readonly stride: 1 | 2;
}

function unit(net: Net, x: string, name: string, { into, middle, group, side, stride }: Unit): string {
  const a = net.relu(net.norm(net.conv(x, `${name}.a`, [middle, into], { group }), `${name}.a.bn`, middle));
  const mixed = shuffled(net, a, name, [middle, group, side]);
  const b = net.conv(mixed, `${name}.b`, [middle, middle], { kernel: 3, group: middle, stride });
  const c = net.norm(net.conv(b, `${name}.c`, [into, middle], { group }), `${name}.c.bn`, into);
  if (stride === 1) return net.relu(net.op('Add', [x, c], `${name}.sum`));
  const half = net.op('AveragePool', [x], `${name}.half`, {
    kernel_shape: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
  });
  return net.relu(net.op('Concat', [half, c], `${name}.joined`, { axis: 1 }));
}

/** 18 channels in 3 groups of 6, which 3 divides: nine channels between two convolutions go together. */
function divided(): ZooModel {
  const net = new Net();
  const stem = net.relu(net.conv('x', 'stem', [18, 3]));
  const of = { into: 18, middle: 18, group: 3, side: 8 } as const;
  const one = unit(net, stem, 'one', { ...of, stride: 1 });
  const two = unit(net, one, 'two', { ...of, stride: 2 });
  const three = unit(net, two, 'three', { into: 36, middle: 18, group: 3, side: 4, stride: 1 });
  const layers = ['one.a', 'one.b', 'one.c', 'two.a', 'two.c', 'three.a', 'three.b', 'three.c'];
  return {
    name: 'ShuffleNet, first version',
    model: net.build({ x: ['n', 3, 8, 8] }, head(net, three, 36)),
    inputs: image,
    accepted: ['stem', ...layers],
    refused: { fc: /graph output/ },
  };
}

/** 24 channels in 3 groups of 8: every channel between the two convolutions is tied to every other. */
function tied(): ZooModel {
  const net = new Net();
  const stem = net.relu(net.conv('x', 'stem', [24, 3]));
  const one = unit(net, stem, 'one', { into: 24, middle: 24, group: 3, side: 8, stride: 1 });
  const whole = /its 24 channels are tied to one another: none can go without the rest/;
  return {
    name: 'ShuffleNet, first version, groups of a size that their number does not divide',
    model: net.build({ x: ['n', 3, 8, 8] }, head(net, one, 24)),
    inputs: image,
    accepted: ['stem', 'one.c'],
    refused: { 'one.a': whole, 'one.b': whole },
  };
}

export const SHUFFLE_ZOO: readonly ZooModel[] = [divided(), tied()];
