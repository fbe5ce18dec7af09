/** Networks with attention in one node: with weights of its own, caches, biases of the scores, shared key-value heads. */
import { DataType, type Model } from '../../../../src/onnx/model.ts';
import { bytesOf, tensor, value, type NodeSpec } from '../../../support/model-builder.ts';
import { Net, type ZooModel } from './net.ts';

/** [2, 6, 8] in, [2, 6, 3] out. */
const inputs = { x: [2, 6, 8] } as const;
const refused = { out: /graph output/ };
const microsoft = { domain: 'com.microsoft' } as const;

function project(net: Net, name: string, size: number): string {
  return net.op('MatMul', ['x', net.weight(`${name}.w`, [8, size], 3)], name);
}

/** [B, N, S, H] */
function headed(net: Net, x: string, heads: number, size: number): string {
  const open = net.op('Reshape', [x, net.shape(`${x}.shape`, [0, 0, heads, size])], `${x}.open`);
  return net.op('Transpose', [open], `${x}.heads`, { perm: [0, 2, 1, 3] });
}

function int32s(net: Net, name: string, dims: readonly number[], values: readonly number[]): string {
  net.tensors.push(tensor(name, DataType.int32, dims, bytesOf(Int32Array.from(values))));
  return name;
}

function finish(net: Net, name: string, y: string, size: number, rest: Partial<ZooModel> = {}, opset = 17) {
  const model = net.build({ x: [2, 6, 8] }, net.linear(y, 'out', [size, 3]), opset);
  return { name, model, inputs, accepted: ['q', 'k', 'v'], refused, ...rest };
}

/** Layer and attention are one node; values are smaller than queries, and some keys are there already. */
function ownWeights(): ZooModel {
  const net = new Net();
  const weights = [net.weight('attn.w', [8, 16 + 16 + 8], 3), net.weight('attn.b', [40])];
  const bias = net.weight('scores', [1, 4, 6, 6]);
  const y = net.op('Attention', ['x', ...weights, '', '', bias], 'attn', {
    ...{ ...microsoft, num_heads: 4, unidirectional: 1, qkv_hidden_sizes: [16, 16, 8] },
  });
  return finish(net, 'attention with weights of its own', y, 8, { accepted: ['attn'] });
}

/** As the node before it makes it: the input is what can shrink, and the heads of a model as wide as its input. */
function ownWeightsBehind(): ZooModel {
  const net = new Net();
  const x = net.linear('x', 'in', [8, 12]);
  const weights = [net.weight('attn.w', [12, 36], 3), net.weight('attn.b', [36])];
  const past = net.weight('past', [2, 2, 3, 2, 4]);
  const y = net.op('Attention', [x, ...weights, '', past], 'attn', { ...microsoft, num_heads: 3 });
  net.nodes[net.nodes.length - 1] = { ...net.nodes.at(-1)!, outputs: ['attn', 'attn.present'] };
  return finish(net, 'attention with weights of its own and a past', y, 12, { accepted: ['in', 'attn'] });
}

/** Keys and values of four dims, with a cache and a bias of the scores for each head. */
function multiHead(): ZooModel {
  const net = new Net();
  const q = project(net, 'q', 16);
  const [k, v] = [headed(net, project(net, 'k', 16), 4, 4), headed(net, project(net, 'v', 16), 4, 4)];
  const bias = net.weight('bias', [16 + 16 + 16]);
  const scores = net.weight('scores', [2, 4, 6, 6]);
  const y = net.op('MultiHeadAttention', [q, k, v, bias, '', scores], 'mha', { ...microsoft, num_heads: 4 });
  return finish(net, 'attention in one node, keys of four dims', y, 16);
}

function multiHeadPast(): ZooModel {
  const net = new Net();
  const parts = ['q', 'k', 'v'].map((n) => project(net, n, 16));
  const past = [net.weight('past_k', [2, 4, 3, 4]), net.weight('past_v', [2, 4, 3, 4])];
  const y = net.op('MultiHeadAttention', [...parts, '', '', '', ...past], 'mha', {
    ...microsoft,
    num_heads: 4,
  });
  return finish(net, 'attention in one node, constant past', y, 16);
}

/** 8 heads, of which `shared` times as few have keys and values. */
function groupQuery(name: string, kvHeads: number, isPacked: boolean): ZooModel {
  const net = new Net();
  const [heads, size] = [8, 16];
  const rotary: NodeSpec = { ...microsoft, num_heads: heads, kv_num_heads: kvHeads, do_rotary: 1 };
  const lengths = [int32s(net, 'lengths', [2], [5, 5]), int32s(net, 'total', [], [6])];
  const caches = [net.weight('cos', [6, size / 2]), net.weight('sin', [6, size / 2])];
  const parts = isPacked
    ? [project(net, 'qkv', (heads + 2 * kvHeads) * size), '', '']
    : [project(net, 'q', heads * size), project(net, 'k', kvHeads * size), project(net, 'v', kvHeads * size)];
  const sinks = net.weight('sinks', [heads]);
  const y = net.op(
    'GroupQueryAttention',
    [...parts, '', '', ...lengths, ...caches, '', '', sinks],
    'gqa',
    rotary,
  );
  const accepted = isPacked ? ['qkv'] : kvHeads === 1 ? ['q'] : ['q', 'k', 'v'];
  const why = kvHeads === 1 ? { k: /one head/, v: /one head/ } : {};
  return finish(net, name, y, heads * size, { accepted, refused: { ...refused, ...why } });
}

/** ai.onnx, of three dims or four; rotated before. */
function standard(rank: 3 | 4): ZooModel {
  const net = new Net();
  const [heads, shared, size] = [4, 2, 4];
  const counts: NodeSpec = rank === 3 ? { q_num_heads: heads, kv_num_heads: shared } : {};
  const angles = [net.weight('cos', [2, 6, size / 2]), net.weight('sin', [2, 6, size / 2])];
  const part = (name: string, n: number): string => {
    const y = project(net, name, n * size);
    const x = rank === 3 ? y : headed(net, y, n, size);
    if (name === 'v') return x;
    return net.op('RotaryEmbedding', [x, ...angles], `${name}.turned`, rank === 3 ? { num_heads: n } : {});
  };
  const mask = net.weight('mask', [heads, 6, 6]);
  const y = net.op('Attention', [part('q', heads), part('k', shared), part('v', shared), mask], 'attn', {
    ...counts,
    is_causal: 1,
  });
  const flat =
    rank === 3
      ? y
      : net.op(
          'Reshape',
          [net.op('Transpose', [y], 'back', { perm: [0, 2, 1, 3] }), net.shape('flat.s', [0, 0, -1])],
          'flat',
        );
  return finish(net, `attention of ai.onnx, ${rank} dims`, flat, heads * size, {}, 23);
}

export const ATTENTION_ZOO: readonly ZooModel[] = [
  ownWeights(),
  ownWeightsBehind(),
  multiHead(),
  multiHeadPast(),
  groupQuery('grouped queries in one node', 2, false),
  groupQuery('grouped queries in one node, packed', 4, true),
  groupQuery('one key for all queries', 1, false),
  standard(3),
  standard(4),
];

/** The cache is an input and an output of the model, as generators have it: its heads stay. */
export function cached(side: 'input' | 'output'): Model {
  const net = new Net();
  const parts = ['q', 'k', 'v'].map((n) => project(net, n, 16));
  const past = side === 'input' ? ['past_k', 'past_v'] : [];
  const inputs = { x: [2, 6, 8], ...Object.fromEntries(past.map((p) => [p, [2, 4, 3, 4]])) };
  net.op('MultiHeadAttention', [...parts, '', '', '', ...past], 'mha', { ...microsoft, num_heads: 4 });
  net.nodes[net.nodes.length - 1] = { ...net.nodes.at(-1)!, outputs: ['mha', 'present_k', 'present_v'] };
  const model = net.build(inputs, net.linear('mha', 'out', [16, 3]));
  if (side === 'input') return model;
  const outputs = [...model.graph.outputs, value('present_k')];
  return { ...model, graph: { ...model.graph, outputs } };
}
