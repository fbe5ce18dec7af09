/** Language models, small, of the operators that ONNX Runtime's own exporter writes. */
import { DataType, type Model, type Node, type TensorRef } from '../../../src/onnx/index.ts';
import { floats, graph, int64s, ints, model, node, value } from '../../support/model-builder.ts';

export type AttentionForm = 'grouped' | 'packed' | 'multi-head';

const microsoft = { domain: 'com.microsoft' };
const layers = 2;
const hidden = 256;
const heads = 8;
const headSize = hidden / heads;
const inner = 704;
const words = 1000;
const longest = 512;

/** Nodes and weights as they come. */
export class Layers {
  readonly nodes: Node[] = [];
  readonly weights: TensorRef[] = [];

  add(
    opType: string,
    inputs: readonly string[],
    outputs: readonly string[],
    more: Parameters<typeof node>[3] = {},
  ): void {
    this.nodes.push(node(opType, inputs, outputs, { name: outputs[0] ?? '', ...more }));
  }

  /** No two are equal: ONNX Runtime would pack those once. */
  weight(name: string, ...dims: readonly number[]): string {
    const size = dims.reduce((a, b) => a * b, 1);
    const seed = this.weights.length + 1;
    const values = Array.from(
      { length: size },
      (_, i) => 0.02 * Math.sin(i * 0.37 + seed * 11.3 + (i % 97) * (i % 89)),
    );
    this.weights.push(floats(name, dims, values));
    return name;
  }

  linear(from: string, to: string, inputs: number, outputs: number): string {
    this.add('MatMul', [from, this.weight(`${to}.weight`, inputs, outputs)], [to]);
    return to;
  }
}

/** ids [batch, new], mask [batch, total], caches [batch, heads, past, 32] of each layer. */
export function decoder(attention: AttentionForm): Model {
  const d = new Layers();
  const kvHeads = attention === 'multi-head' ? heads : 2;
  const kv = kvHeads * headSize;
  lengths(d);
  d.add('Gather', [d.weight('words', words, hidden), 'ids'], ['stream']);
  const norm = { axis: -1, epsilon: 1e-5 };
  d.add('SimplifiedLayerNormalization', ['stream', d.weight('norm', hidden)], ['normed'], norm);
  let [stream, x] = ['stream', 'normed'];
  const skip = (to: string, added: string): void => {
    const inputs = [stream, added, d.weight(`${to}.norm`, hidden)];
    d.add('SkipSimplifiedLayerNormalization', inputs, [`${to}.normed`, '', '', to], {
      ...microsoft,
      epsilon: 1e-5,
    });
    [stream, x] = [to, `${to}.normed`];
  };
  const tables = [d.weight('cos', longest, headSize / 2), d.weight('sin', longest, headSize / 2)];
  for (let i = 0; i < layers; i++) {
    const caches = [`past.${i}.key`, `past.${i}.value`];
    const presents = [`present.${i}.key`, `present.${i}.value`];
    const to = `layer.${i}.attention`;
    const project = (name: string, width: number) => d.linear(x, `layer.${i}.${name}`, hidden, width);
    if (attention === 'multi-head') {
      const [q, k, v] = [project('q', hidden), project('k', kv), project('v', kv)];
      d.add('MultiHeadAttention', [q, k, v, '', '', '', ...caches], [to, ...presents], {
        ...microsoft,
        num_heads: heads,
      });
    } else {
      const qkv =
        attention === 'packed'
          ? [project('qkv', hidden + 2 * kv), '', '']
          : [project('q', hidden), project('k', kv), project('v', kv)];
      const attributes = { ...microsoft, num_heads: heads, kv_num_heads: kvHeads, do_rotary: 1 };
      d.add(
        'GroupQueryAttention',
        [...qkv, ...caches, 'before', 'total', ...tables],
        [to, ...presents],
        attributes,
      );
    }
    skip(`layer.${i}.first`, d.linear(to, `layer.${i}.o`, hidden, hidden));
    const [gate, up] = [
      d.linear(x, `layer.${i}.gate`, hidden, inner),
      d.linear(x, `layer.${i}.up`, hidden, inner),
    ];
    d.add('Sigmoid', [gate], [`${gate}.sigmoid`]);
    d.add('Mul', [gate, `${gate}.sigmoid`], [`${gate}.silu`]);
    d.add('Mul', [`${gate}.silu`, up], [`${gate}.gated`]);
    skip(`layer.${i}.second`, d.linear(`${gate}.gated`, `layer.${i}.down`, inner, hidden));
  }
  d.linear(x, 'logits', hidden, words);
  const each = (name: string) =>
    Array.from({ length: layers }, (_, i) => [`${name}.${i}.key`, `${name}.${i}.value`]).flat();
  const cache = (length: string) => (name: string) => value(name, ['batch', kvHeads, length, headSize]);
  return model(
    graph({
      inputs: [
        value('ids', ['batch', 'new'], DataType.int64),
        value('mask', ['batch', 'all'], DataType.int64),
        ...each('past').map(cache('past')),
      ],
      nodes: d.nodes,
      outputs: [value('logits', ['batch', 'new', words]), ...each('present').map(cache('all'))],
      initializers: d.weights,
    }),
    { opsets: { '': 17, 'com.microsoft': 1 } },
  );
}

/** How many there are (`total`), and for each of the batch how many less one (`before`), from the mask's shape. */
function lengths(d: Layers): void {
  d.weights.push(int64s('one', [], [1]), ints('first', [0]), ints('second', [1]));
  d.add('Shape', ['mask'], ['mask.shape']);
  d.add('Gather', ['mask.shape', 'one'], ['length'], { axis: 0 });
  d.add('Cast', ['length'], ['total'], { to: DataType.int32 });
  d.add('Shape', ['ids'], ['ids.shape']);
  d.add('Slice', ['ids.shape', 'first', 'second'], ['each']);
  d.add('Sub', ['length', 'one'], ['less']);
  d.add('Expand', ['less', 'each'], ['all less']);
  d.add('Cast', ['all less'], ['before'], { to: DataType.int32 });
}
