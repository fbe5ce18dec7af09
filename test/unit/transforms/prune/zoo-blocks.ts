/** Networks of residual blocks: in a row, within each other, beside each other, merged into norms. */
import type { Model } from '../../../../src/onnx/model.ts';
import { value } from '../../../support/model-builder.ts';
import { image, Net, head } from './net.ts';

export interface BlockCase {
  readonly name: string;
  readonly model: Model;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  /** Ids of blocks that can go, in their order. */
  readonly blocks: readonly string[];
  /** Those that cannot, and why. */
  readonly refused?: Readonly<Record<string, RegExp>>;
}

const microsoft = { domain: 'com.microsoft' } as const;
const sequence = { x: [2, 6, 8] } as const;
const dims = { x: ['batch', 6, 8] } as const;

function mlp(net: Net, x: string, name: string, width = 12): string {
  return net.linear(net.relu(net.linear(x, `${name}.up`, [8, width])), `${name}.down`, [width, 8]);
}

function finish(net: Net, y: string, opset?: number): Model {
  return net.build(dims, net.linear(y, 'out', [8, 3]), opset);
}

function row(): BlockCase {
  const net = new Net();
  let x = 'x';
  for (const i of [1, 2, 3]) x = net.op('Add', [x, mlp(net, x, `f${i}`)], `add${i}`);
  return { name: 'in a row', model: finish(net, x), inputs: sequence, blocks: ['add1', 'add2', 'add3'] };
}

function nested(): BlockCase {
  const net = new Net();
  const h = net.linear('x', 'in', [8, 8]);
  const inner = net.op('Sum', [mlp(net, h, 'f'), h], 'inner');
  const outer = net.op('Add', ['x', net.linear(inner, 'end', [8, 8])], 'outer');
  return {
    name: 'within each other',
    model: finish(net, outer),
    inputs: sequence,
    blocks: ['inner', 'outer'],
  };
}

/** As GPT-J has them: attention and MLP read one norm. */
function parallel(): BlockCase {
  const net = new Net();
  const parts = [net.weight('ln.g', [8], 0.5, 1), net.weight('ln.b', [8])];
  const h = net.op('LayerNormalization', ['x', ...parts], 'ln', { axis: -1 });
  const both = net.op('Add', [mlp(net, h, 'f'), mlp(net, h, 'g')], 'both');
  return {
    name: 'beside each other',
    model: finish(net, net.op('Add', ['x', both], 'add')),
    inputs: sequence,
    blocks: ['g.down.bias', 'f.down.bias', 'add'],
  };
}

function projected(): BlockCase {
  const net = new Net();
  const a = net.relu(net.conv('x', 'a', [8, 3], { kernel: 3 }));
  const b = net.conv(a, 'b', [8, 8], { kernel: 3 });
  const sum = net.op('Add', [b, net.conv('x', 'short', [8, 3])], 'sum');
  return {
    name: 'beside a projection',
    model: net.build({ x: ['batch', 3, 8, 8] }, head(net, net.relu(sum), 8)),
    inputs: image,
    blocks: ['short', 'b'],
  };
}

/** Both sides of the last sum end in the sum of a block of their own: its id stands for the first of them. */
function sumOfSums(): BlockCase {
  const net = new Net();
  const x = net.relu(net.linear('x', 'in', [8, 8]));
  const [one, two] = ['one', 'two'].map((name) => net.op('Add', [x, mlp(net, x, `f.${name}`)], name));
  const three = net.op('Add', [x, net.linear(x, 'side', [8, 8])], 'three');
  const sum = net.op('Add', [one!, two!], 'sum');
  const mixed = net.op('Add', [three, net.linear(x, 'other', [8, 8])], 'mixed');
  return {
    name: 'that end in blocks',
    model: finish(net, net.op('Mul', [sum, mixed], 'product')),
    inputs: sequence,
    blocks: ['one', 'two', 'three', 'sum', 'other.bias', 'mixed'],
  };
}

function merged(opType: 'SkipLayerNormalization' | 'SkipSimplifiedLayerNormalization'): BlockCase {
  const net = new Net();
  const norm = (name: string, x: string, f: string): void => {
    const weights = [net.weight(`${name}.g`, [8], 0.5, 1)];
    if (opType === 'SkipLayerNormalization') weights.push(net.weight(`${name}.beta`, [8]));
    net.op(opType, [x, f, ...weights, net.weight(`${name}.bias`, [8])], name, {
      ...microsoft,
      epsilon: 1e-3,
    });
    net.nodes[net.nodes.length - 1] = { ...net.nodes.at(-1)!, outputs: [name, '', '', `${name}.sum`] };
  };
  norm('n1', 'x', mlp(net, 'x', 'f1'));
  norm('n2', mlp(net, 'n1', 'f2'), 'n1.sum');
  norm('n3', 'n2.sum', mlp(net, 'n2', 'f3'));
  const y = net.op('Add', ['n3', 'n3.sum'], 'end');
  return {
    name: `merged into ${opType}`,
    model: finish(net, y, opType === 'SkipLayerNormalization' ? 15 : 17),
    inputs: sequence,
    blocks: ['n1', 'n2', 'n3'],
  };
}

/** The block's sum is what the model gives, and a body reads it by its name. */
function visible(): BlockCase {
  const net = new Net();
  const sum = net.op('Add', ['x', mlp(net, 'x', 'f')], 'sum');
  const model = net.build(dims, sum);
  const sum2 = net.op('Add', [sum, mlp(net, sum, 'g')], 'sum2');
  const { graph } = net.build(dims, sum2);
  return {
    name: 'outputs of the model',
    model: { ...model, graph: { ...graph, outputs: [...model.graph.outputs, ...graph.outputs] } },
    inputs: sequence,
    blocks: ['sum', 'sum2'],
  };
}

function refusals(): BlockCase {
  const net = new Net();
  const used = net.relu(net.linear('x', 'inner', [8, 8]));
  const one = net.op('Add', ['x', net.linear(used, 'one', [8, 8])], 'add1');
  const two = net.op('Add', [one, net.linear(net.relu(net.linear(one, 'k', [8, 8])), 'two', [8, 8])], 'add2');
  const pooled = net.op('ReduceMean', [two], 'pool', { axes: [1], keepdims: 1 });
  const three = net.op('Add', [pooled, net.op('Mul', [mlp(net, pooled, 'm'), two], 'spread')], 'add3');
  const last = net.op('Add', [three, used], 'mix');
  const model = finish(net, last);
  return {
    name: 'that cannot go',
    model: { ...model, graph: { ...model.graph, outputs: [...model.graph.outputs, value('k.bias')] } },
    inputs: sequence,
    blocks: [],
    refused: {
      add1: /Add "mix" uses what is inside it/,
      add2: /graph output "k.bias" comes from inside it/,
      add3: /Add "add3" gives another shape than "pool" has/,
      spread: /ends no residual block/,
    },
  };
}

export const BLOCK_ZOO: readonly BlockCase[] = [
  row(),
  nested(),
  parallel(),
  projected(),
  sumOfSums(),
  merged('SkipLayerNormalization'),
  merged('SkipSimplifiedLayerNormalization'),
  visible(),
  refusals(),
];
