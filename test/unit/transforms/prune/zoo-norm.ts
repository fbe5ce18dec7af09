/** Residual streams behind normalizations over their channels, in every form that exporters and ONNX Runtime write. */
import type { Model } from '../../../../src/onnx/model.ts';
import { floats, node } from '../../../support/model-builder.ts';
import { Net, type ZooModel } from './net.ts';

const WIDTH = 16;
const microsoft = { domain: 'com.microsoft' } as const;

/** Channels 2i and 2i + 1 are written with opposite signs and read with equal magnitudes: their mean is zero. */
class Paired extends Net {
  override weight(name: string, dims: readonly number[], scale = 1, offset = 0): string {
    const made = super.weight(name, dims, scale, offset);
    const axis = dims.lastIndexOf(WIDTH);
    if (axis < 0) return made;
    const tensor = this.tensors.pop()!;
    const values = [...new Float32Array(Uint8Array.from(tensor.smallData!).buffer)];
    const inner = dims.slice(axis + 1).reduce((n, d) => n * d, 1);
    const paired = values.map((v, i) => (Math.floor(i / inner) % 2 === 0 ? v : -values[i - inner]!));
    this.tensors.push(floats(name, dims, paired));
    return made;
  }
}

/** How a stream is normalized: of `sum` = x + skip where the node adds. Gives the normalized values and the stream. */
type Norm = (net: Net, name: string, x: string, skip: string | undefined) => readonly [string, string];

function added(net: Net, name: string, x: string, skip: string | undefined): string {
  return skip === undefined ? x : net.op('Add', [x, skip], `${name}.sum`);
}

const gamma = (net: Net, name: string) => net.weight(`${name}.g`, [WIDTH], 0.5, 1);
const beta = (net: Net, name: string) => net.weight(`${name}.b`, [WIDTH]);

const plain =
  (opType: string, hasBias: boolean): Norm =>
  (net, name, x, skip) => {
    const sum = added(net, name, x, skip);
    const bias = hasBias ? [beta(net, name)] : [];
    return [net.op(opType, [sum, gamma(net, name), ...bias], name, { axis: -1, epsilon: 1e-2 }), sum];
  };

const skipping =
  (opType: string, hasBeta: boolean): Norm =>
  (net, name, x, skip) => {
    if (skip === undefined)
      return plain(hasBeta ? 'LayerNormalization' : 'SimplifiedLayerNormalization', hasBeta)(
        net,
        name,
        x,
        skip,
      );
    const parts = [gamma(net, name), ...(hasBeta ? [beta(net, name)] : []), net.weight('skip.b', [WIDTH])];
    const outputs = [name, '', '', `${name}.sum`];
    net.nodes.push(node(opType, [x, skip, ...parts], outputs, { ...microsoft, name, epsilon: 1e-2 }));
    return [name, `${name}.sum`];
  };

/** In primitives, as PyTorch exports it before opset 17. */
const primitive =
  (centres: boolean): Norm =>
  (net, name, x, skip) => {
    const sum = added(net, name, x, skip);
    const mean = (of: string, as: string) => net.op('ReduceMean', [of], `${name}.${as}`, { axes: [-1] });
    const about = centres ? net.op('Sub', [sum, mean(sum, 'mean')], `${name}.about`) : sum;
    net.tensors.push(floats(`${name}.two`, [], [2]), floats(`${name}.eps`, [], [0.01]));
    const square = mean(net.op('Pow', [about, `${name}.two`], `${name}.square`), 'var');
    const root = net.op('Sqrt', [net.op('Add', [square, `${name}.eps`], `${name}.eps.sum`)], `${name}.root`);
    const scaled = net.op(
      'Mul',
      [net.op('Div', [about, root], `${name}.div`), gamma(net, name)],
      `${name}.scaled`,
    );
    return [centres ? net.op('Add', [scaled, beta(net, name)], name) : scaled, sum];
  };

function stream(net: Net, norm: Norm, opset: number): Model {
  const embedded = net.linear('x', 'embed', [5, WIDTH]);
  const placed = net.op('Add', [embedded, net.weight('pos', [1, 6, WIDTH])], 'placed');
  const [first, before] = norm(net, 'n1', placed, undefined);
  const up = net.relu(net.linear(first, 'up', [WIDTH, 24]));
  const [second] = norm(net, 'n2', before, net.linear(up, 'down', [24, WIDTH]));
  return net.build({ x: [2, 6, 5] }, net.linear(second, 'logits', [WIDTH, 3]), opset);
}

function zoo(name: string, model: Model): ZooModel {
  const accepted = ['embed', 'down', 'up'];
  return { name, model, inputs: { x: [2, 6, 5] }, accepted, refused: { logits: /graph output/ } };
}

const rms: readonly (readonly [string, Norm, number])[] = [
  ['RMSNormalization', plain('RMSNormalization', false), 23],
  ['SimplifiedLayerNormalization', plain('SimplifiedLayerNormalization', false), 17],
  ['SkipSimplifiedLayerNormalization', skipping('SkipSimplifiedLayerNormalization', false), 17],
  ['root of mean squares in primitives', primitive(false), 17],
];
const centring: readonly (readonly [string, Norm, number])[] = [
  ['LayerNormalization', plain('LayerNormalization', true), 17],
  ['SkipLayerNormalization', skipping('SkipLayerNormalization', true), 17],
  ['normalization in primitives', primitive(true), 17],
];

/** Streams that can lose channels exactly. */
export const RMS_ZOO: readonly ZooModel[] = rms.map(([name, norm, opset]) =>
  zoo(`stream behind ${name}`, stream(new Net(), norm, opset)),
);

/** Streams whose mean changes with the channels that go. */
export const MEAN_ZOO: readonly ZooModel[] = centring.map(([name, norm, opset]) =>
  zoo(name, stream(new Net(), norm, opset)),
);

/** The same with a mean of zero whatever goes. */
export const ZERO_MEAN_ZOO: readonly ZooModel[] = centring.map(([name, norm, opset]) =>
  zoo(name, stream(new Paired(), norm, opset)),
);
