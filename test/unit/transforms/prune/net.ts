/** Builds networks node by node, with weights at random but always the same. */
import type { Model, Node, TensorRef } from '../../../../src/onnx/model.ts';
import {
  floats,
  graph,
  ints,
  model,
  node,
  value,
  type DimSpec,
  type NodeSpec,
} from '../../../support/model-builder.ts';
export interface ZooModel {
  readonly name: string;
  readonly model: Model;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  /** Nodes whose channels can go: each must be among the accepted. */
  readonly accepted: readonly string[];
  /** Nodes that must be refused, and what the reason names. */
  readonly refused: Readonly<Record<string, RegExp>>;
}

/** Adds nodes one after the other, weights drawn by a seed. */
export class Net {
  readonly nodes: Node[] = [];
  readonly tensors: TensorRef[] = [];
  private seed = 1;

  /** Values about 0, larger for later channels here and there: no two are alike. */
  weight(name: string, dims: readonly number[], scale = 1, offset = 0): string {
    const count = dims.reduce((n, d) => n * d, 1);
    const fan = Math.max(1, count / (dims[0] ?? 1));
    const values = Array.from({ length: count }, () => offset + (scale * this.random()) / Math.sqrt(fan));
    this.tensors.push(floats(name, dims, values.map(Math.fround)));
    return name;
  }

  random(): number {
    this.seed = (Math.imul(this.seed, 1103515245) + 12345) >>> 0;
    return 2 * ((this.seed >>> 8) / 2 ** 24) - 1;
  }

  shape(name: string, values: readonly number[]): string {
    this.tensors.push(ints(name, values));
    return name;
  }

  op(opType: string, inputs: readonly string[], name: string, spec: NodeSpec = {}): string {
    this.nodes.push(node(opType, inputs, [name], { name, ...spec }));
    return name;
  }

  conv(x: string, name: string, [out, into]: readonly [number, number], options: ConvOptions = {}): string {
    const { kernel = 1, group = 1, stride = 1, bias = true } = options;
    const w = this.weight(`${name}.w`, [out, into / group, kernel, kernel], 3);
    const b = bias ? [this.weight(`${name}.b`, [out])] : [];
    const pad = Math.floor(kernel / 2);
    return this.op('Conv', [x, w, ...b], name, {
      kernel_shape: [kernel, kernel],
      pads: [pad, pad, pad, pad],
      strides: [stride, stride],
      group,
    });
  }

  norm(x: string, name: string, n: number): string {
    const parts = [
      this.weight(`${name}.scale`, [n], 1, 1),
      this.weight(`${name}.bias`, [n]),
      this.weight(`${name}.mean`, [n]),
      this.weight(`${name}.var`, [n], 0.5, 1),
    ];
    return this.op('BatchNormalization', [x, ...parts], name);
  }

  relu(x: string): string {
    return this.op('Relu', [x], `${x}.relu`);
  }

  linear(x: string, name: string, [into, out]: readonly [number, number]): string {
    const y = this.op('MatMul', [x, this.weight(`${name}.w`, [into, out], 3)], name);
    return this.op('Add', [y, this.weight(`${name}.b`, [out])], `${name}.bias`);
  }

  gemm(x: string, name: string, [into, out]: readonly [number, number]): string {
    return this.op(
      'Gemm',
      [x, this.weight(`${name}.w`, [out, into], 3), this.weight(`${name}.b`, [out])],
      name,
      {
        transB: 1,
      },
    );
  }

  build(inputs: Readonly<Record<string, readonly DimSpec[]>>, output: string, opset = 17): Model {
    const domains = this.nodes.some((n) => n.domain === 'com.microsoft') ? { 'com.microsoft': 1 } : {};
    return model(
      graph({
        inputs: Object.entries(inputs).map(([name, dims]) => value(name, dims)),
        outputs: [value(output)],
        nodes: this.nodes,
        initializers: this.tensors,
      }),
      { opset, irVersion: 8, opsets: domains },
    );
  }
}

interface ConvOptions {
  readonly kernel?: number;
  readonly group?: number;
  readonly stride?: number;
  readonly bias?: boolean;
}

export const image = { x: [2, 3, 8, 8] } as const;

export function head(net: Net, x: string, channels: number): string {
  const pooled = net.op('GlobalAveragePool', [x], 'pool');
  const flat = net.op('Flatten', [pooled], 'flat');
  return net.gemm(flat, 'fc', [channels, 5]);
}
