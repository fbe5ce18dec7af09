/** ShuffleNet, first version: grouped 1 × 1, shuffle, depthwise, grouped 1 × 1, then a sum, or a Concat where it halves. */
import { node } from '../../../support/model-builder.ts';
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

/** 24 channels in 3 groups of 8: the shuffle has to become a Gather, or else all would be tied to one another. */
function undivided(): ZooModel {
  const net = new Net();
  const stem = net.relu(net.conv('x', 'stem', [24, 3]));
  const one = unit(net, stem, 'one', { into: 24, middle: 24, group: 3, side: 8, stride: 1 });
  return {
    name: 'ShuffleNet, first version, groups of a size that their number does not divide',
    model: net.build({ x: ['n', 3, 8, 8] }, head(net, one, 24)),
    inputs: image,
    accepted: ['stem', 'one.a', 'one.b', 'one.c'],
    refused: { fc: /graph output/ },
  };
}

/** Nothing but the shuffle ties its channels, three by three: it stays. */
function dense(): ZooModel {
  const net = new Net();
  const a = net.relu(net.conv('x', 'a', [24, 3]));
  const b = net.relu(net.conv(shuffled(net, a, 'one', [24, 3, 8]), 'b', [8, 24]));
  return {
    name: 'shuffle between dense convolutions',
    model: net.build({ x: ['n', 3, 8, 8] }, head(net, b, 8)),
    inputs: image,
    accepted: ['a', 'b'],
    refused: { fc: /graph output/ },
  };
}

/** The same 24 channels in three groups, shuffled in three groups and in four again, read in two and three groups. */
function chained(): ZooModel {
  const net = new Net();
  const stem = net.relu(net.conv('x', 'stem', [12, 3]));
  const a = net.conv(stem, 'a', [24, 12], { group: 3 });
  const once = net.conv(shuffled(net, a, 'one', [24, 3, 8]), 'b', [24, 24], { kernel: 3, group: 24 });
  const c = net.relu(net.conv(once, 'c', [12, 24], { group: 2 }));
  const d = net.relu(net.conv(shuffled(net, once, 'two', [24, 4, 8]), 'd', [12, 24], { group: 3 }));
  const sum = net.op('Add', [c, d], 'sum');
  return {
    name: 'one row of channels in groups of three convolutions, two shuffles between them',
    model: net.build({ x: ['n', 3, 8, 8] }, head(net, sum, 12)),
    inputs: image,
    accepted: ['stem', 'a', 'b', 'c', 'd'],
    refused: { fc: /graph output/ },
  };
}

/** Half of the channels go through, all are shuffled, three times: as Reshapes they would tie eight by eight. */
function halves(): ZooModel {
  const net = new Net();
  let x = net.relu(net.conv('x', 'stem', [24, 3]));
  for (const id of ['one', 'two', 'three']) {
    net.nodes.push(node('Split', [x], [`${id}.l`, `${id}.r`], { name: id, axis: 1 }));
    const right = net.relu(net.conv(`${id}.r`, `${id}.a`, [12, 12]));
    const joined = net.op('Concat', [`${id}.l`, right], `${id}.joined`, { axis: 1 });
    x = shuffled(net, joined, id, [24, 2, 8]);
  }
  return {
    name: 'ShuffleNet, second version, three units',
    model: net.build({ x: ['n', 3, 8, 8] }, head(net, x, 24)),
    inputs: image,
    accepted: ['stem', 'one.a', 'two.a', 'three.a'],
    refused: { fc: /graph output/ },
  };
}

export const SHUFFLE_ZOO: readonly ZooModel[] = [divided(), undivided(), dense(), chained(), halves()];
