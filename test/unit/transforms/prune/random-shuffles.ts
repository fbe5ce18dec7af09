/** Networks of grouped and depthwise convolutions, shuffles in every form, sums and Concats of them. */
import fc from 'fast-check';
import type { Model } from '../../../../src/onnx/model.ts';
import { node } from '../../../support/model-builder.ts';
import { Net } from './net.ts';

interface Image {
  readonly name: string;
  readonly channels: number;
  /** Rows and columns: 4 where it does not say. */
  readonly side?: number;
}

const SIDE = 4;

/** A shuffle as exporters write it, in one of four forms. */
export function shuffled(
  net: Net,
  id: string,
  { name, channels, side = SIDE }: Image,
  groups: number,
  form: number,
): string {
  const each = channels / groups;
  if (form % 4 === 3) {
    const order = Array.from({ length: channels }, (_, i) => (i % groups) * each + Math.floor(i / groups));
    return net.op('Gather', [name, net.shape(`${id}.i`, order)], id, { axis: 1 });
  }
  if (form % 4 === 2) return shuffledBySizes(net, id, name, groups);
  const inner = form % 4 === 0 ? [side, side] : [side * side];
  const open = net.op('Reshape', [name, net.shape(`${id}.o`, [-1, groups, each, ...inner])], `${id}.open`);
  const perm = [0, 2, 1, ...inner.map((_, k) => 3 + k)];
  const turned = net.op('Transpose', [open], `${id}.t`, { perm });
  return net.op('Reshape', [turned, net.shape(`${id}.c`, [-1, channels, side, side])], id);
}

/** The number of channels is read from the shape, and divided by the groups. */
function shuffledBySizes(net: Net, id: string, x: string, groups: number): string {
  const shape = net.op('Shape', [x], `${id}.shape`);
  net.nodes.push(
    node(
      'Split',
      [shape, net.shape(`${id}.parts`, [1, 1, 1, 1])],
      ['n', 'c', 'h', 'w'].map((d) => `${id}.${d}`),
      {
        name: `${id}.split`,
        axis: 0,
      },
    ),
  );
  const each = net.op('Div', [`${id}.c`, net.shape(`${id}.g`, [groups])], `${id}.each`);
  const [n, h, w] = ['n', 'h', 'w'].map((d) => `${id}.${d}`);
  const opened = net.op('Concat', [n!, net.shape(`${id}.g2`, [groups]), each, h!, w!], `${id}.opened`, {
    axis: 0,
  });
  const open = net.op('Reshape', [x, opened], `${id}.open`);
  const turned = net.op('Transpose', [open], `${id}.t`, { perm: [0, 2, 1, 3, 4] });
  return net.op('Reshape', [turned, shape], id);
}

interface Draw {
  readonly op: number;
  readonly a: number;
  readonly b: number;
  readonly g: number;
  readonly form: number;
}

const GROUPS = [2, 3, 4];
/** Each of the groups divides them. */
const CHANNELS = [12, 24, 36];

type Step = (net: Net, id: string, images: readonly Image[], draw: Draw) => Image;

const pick = (images: readonly Image[], n: number): Image =>
  images.at(-1 - (n % Math.min(3, images.length)))!;

const grouped: Step = (net, id, images, { a, b, g }) => {
  const x = pick(images, a);
  const channels = CHANNELS[b % CHANNELS.length]!;
  const name = net.conv(x.name, id, [channels, x.channels], { group: GROUPS[g % GROUPS.length]! });
  return { name, channels };
};

const shuffle: Step = (net, id, images, { a, g, form }) => {
  const x = pick(images, a);
  return { name: shuffled(net, id, x, GROUPS[g % GROUPS.length]!, form), channels: x.channels };
};

const STEPS: readonly Step[] = [
  grouped,
  grouped,
  shuffle,
  shuffle,
  shuffle,
  (net, id, images, { a, b }) => {
    const x = pick(images, a);
    const channels = CHANNELS[b % CHANNELS.length]!;
    return { name: net.conv(x.name, id, [channels, x.channels]), channels };
  },
  (net, id, images, { a, b }) => {
    const x = pick(images, a);
    const channels = x.channels * (x.channels === 12 ? 1 + (b % 2) : 1);
    return { name: net.conv(x.name, id, [channels, x.channels], { kernel: 3, group: x.channels }), channels };
  },
  (net, id, images, { a }) => {
    const { name, channels } = pick(images, a);
    return { name: net.relu(net.norm(name, id, channels)), channels };
  },
  (net, id, images, { a, b }) => {
    const [x, y] = [pick(images, a), pick(images, b)];
    const other =
      x.channels === y.channels ? y.name : net.conv(y.name, `${id}.fit`, [x.channels, y.channels]);
    return { name: net.op('Add', [x.name, other], id), channels: x.channels };
  },
  (net, id, images, { a, b }) => {
    const [x, y] = [pick(images, a), pick(images, b)];
    if (x.channels + y.channels > 48) return { name: net.op('Relu', [x.name], id), channels: x.channels };
    return { name: net.op('Concat', [x.name, y.name], id, { axis: 1 }), channels: x.channels + y.channels };
  },
];

const draw = fc.record({
  op: fc.nat(STEPS.length - 1),
  a: fc.nat(5),
  b: fc.nat(5),
  g: fc.nat(5),
  form: fc.nat(3),
});

export const randomShuffleNet: fc.Arbitrary<Model> = fc
  .tuple(draw, fc.array(draw, { minLength: 1, maxLength: 7 }), draw)
  .map(([first, draws, last]) => {
    const net = new Net();
    const images: Image[] = [{ name: net.conv('x', 'stem', [12, 3]), channels: 12 }];
    const add = (step: Step, d: Draw): void => {
      images.push(step(net, `n${images.length}`, images, d));
    };
    // two grouped convolutions with a shuffle between them at least
    add(grouped, { ...first, a: 0 });
    add(shuffle, { ...first, a: 0 });
    for (const d of draws) add(STEPS[d.op]!, d);
    add(grouped, { ...last, a: 0 });
    const { name, channels } = images.at(-1)!;
    const rest = images.slice(-3, -1).map((i) => i.name);
    const all = net.op('Concat', [...rest, name], 'all', { axis: 1 });
    const count = images.slice(-3).reduce((n, i) => n + i.channels, 0);
    return net.build({ x: [1, 3, SIDE, SIDE] }, net.conv(all, 'last', [2, Math.max(count, channels)]));
  });
