/**
 * Transformer layers as exporters write them, with the shape arithmetic of every reshape in the graph, over a symbolic
 * batch and sequence. The weights are small: shape inference does not care.
 */
import type { Model, Node, TensorRef } from '../../src/onnx/index.ts';
import { floats, graph, int64s, model, node, value } from '../../test/support/model-builder.ts';

const hidden = 16;
const heads = 2;

/** At least `count` nodes, in whole layers. */
export function transformer(count: number): Model {
  const builder = new Builder();
  let x = 'input';
  while (builder.nodes.length < count) x = builder.layer(x);
  const { nodes, initializers } = builder;
  return model(
    graph({
      inputs: [value('input', ['batch', 'sequence', hidden])],
      nodes,
      outputs: [value(x, ['batch', 'sequence', hidden])],
      initializers: [...initializers.values()],
    }),
  );
}

class Builder {
  readonly nodes: Node[] = [];
  readonly initializers = new Map<string, TensorRef>();

  layer(x: string): string {
    const linear = (input: string, from: number, to: number): string =>
      this.node('Add', [this.node('MatMul', [input, this.weight([from, to])]), this.weight([to])]);
    const split = (input: string, perm: readonly number[]): string =>
      this.node('Transpose', [this.viewed(input, [heads, hidden / heads])], { perm });
    const [q = '', k = '', v = ''] = [0, 1, 2].map(() => linear(x, hidden, hidden));
    const scores = this.node('MatMul', [split(q, [0, 2, 1, 3]), split(k, [0, 2, 3, 1])]);
    const weights = this.node('Softmax', [scores], { axis: -1 });
    const mixed = this.node('MatMul', [weights, split(v, [0, 2, 1, 3])]);
    const merged = this.viewed(this.node('Transpose', [mixed], { perm: [0, 2, 1, 3] }), [hidden]);
    const y = this.normal(this.node('Add', [x, linear(merged, hidden, hidden)]));
    const up = linear(y, hidden, 4 * hidden);
    const gelu = this.node('Mul', [up, this.node('Sigmoid', [up])]);
    return this.normal(this.node('Add', [y, linear(gelu, 4 * hidden, hidden)]));
  }

  /** `Reshape(x, Concat(Unsqueeze(Gather(Shape(x), i)), …))`, as PyTorch exports `x.view(batch, sequence, …)`. */
  private viewed(x: string, tail: readonly number[]): string {
    const shape = this.node('Shape', [x]);
    const lead = [0, 1].map((i) =>
      this.node('Unsqueeze', [
        this.node('Gather', [shape, this.int64(i, [])], { axis: 0 }),
        this.int64(0, [1]),
      ]),
    );
    const dims = this.node('Concat', [...lead, ...tail.map((t) => this.int64(t, [1]))], { axis: 0 });
    return this.node('Reshape', [x, dims]);
  }

  private normal(x: string): string {
    return this.node('LayerNormalization', [x, this.weight([hidden]), this.weight([hidden])]);
  }

  private node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, number | readonly number[]>> = {},
  ): string {
    const output = `${opType}_${this.nodes.length}`;
    this.nodes.push(node(opType, inputs, [output], { name: `/layer/${output}`, ...attributes }));
    return output;
  }

  private int64(number: number, dims: readonly number[]): string {
    const name = `c${dims.length}_${number}`;
    this.initializers.set(name, int64s(name, dims, [number]));
    return name;
  }

  private weight(dims: readonly number[]): string {
    const name = `w_${this.initializers.size}`;
    this.initializers.set(name, floats(name, dims));
    return name;
  }
}
