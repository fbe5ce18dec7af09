/** Operators without a CPU kernel, which ONNX Runtime replaces by the body of their function. */
import type { Attribute } from '../../../onnx/model.ts';
import type { Draft } from '../runtime.ts';
import type { GraphEditor } from './editor.ts';

/**
 * Steps of a function of one data input: each reads the results of others by name; `x` is the input, `y` the output.
 */
type Steps = readonly (readonly [
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes?: Readonly<Record<string, number>>,
])[];

const functions: Readonly<Record<string, Steps>> = {
  HardSwish: [
    ['HardSigmoid', ['x'], 'a', { alpha: 1 / 6, beta: 0.5 }],
    ['Mul', ['x', 'a'], 'y'],
  ],
  Mish: [
    ['Softplus', ['x'], 'a'],
    ['Tanh', ['a'], 'b'],
    ['Mul', ['x', 'b'], 'y'],
  ],
  Swish: [
    ['Mul', ['x'], 'a'],
    ['Sigmoid', ['a'], 'b'],
    ['Mul', ['x', 'b'], 'y'],
  ],
  CastLike: [['Cast', ['x'], 'y']],
};

/** All but those that there are kernels for. */
export function inlineFunctions(editor: GraphEditor, kernels: ReadonlySet<string>): void {
  for (const node of editor.nodesOf(...Object.keys(functions))) {
    const steps = node.domain === '' && !kernels.has(node.opType) ? functions[node.opType] : undefined;
    if (steps) editor.replace(node, bodyOf(node, steps, editor));
  }
}

function bodyOf(node: Draft, steps: Steps, editor: GraphEditor): Omit<Draft, 'index'>[] {
  const [input] = node.inputs;
  const [output] = node.outputs;
  if (input === undefined || output === undefined) return [node];
  const named = new Map([
    ['x', input],
    ['y', output],
  ]);
  return steps.map(([opType, inputs, name, attributes = {}]) => {
    const result = named.get(name) ?? editor.values.like(output, `${output.name}/${name}`);
    named.set(name, result);
    return {
      ...node,
      opType,
      node: { ...node.node, opType, attributes: floats(attributes) },
      inputs: inputs.map((i) => named.get(i)),
      outputs: [result],
    };
  });
}

function floats(values: Readonly<Record<string, number>>): ReadonlyMap<string, Attribute> {
  return new Map(Object.entries(values).map(([name, value]) => [name, { name, kind: 'float', value }]));
}
