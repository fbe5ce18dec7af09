/**
 * Processor time to infer a model of 10,000 nodes: transformer layers as exporters write them, with the shape arithmetic of
 * every reshape in the graph, over a symbolic batch and sequence.
 *
 *     node --import=tsx scripts/conformance/speed.ts [NODES]
 */
import { inferShapes, reinfer } from '../../src/analysis/shapes/index.ts';
import { DataType, memorySource } from '../../src/onnx/index.ts';
import type { Attribute, Model, Node, TensorRef } from '../../src/onnx/index.ts';

const hidden = 768;
const heads = 12;
const nodes: Node[] = [];
const initializers = new Map<string, TensorRef>();

function node(opType: string, inputs: readonly string[], attributes: readonly Attribute[] = []): string {
  const output = `${opType}_${nodes.length}`;
  nodes.push({
    name: `/layer/${output}`,
    opType,
    domain: '',
    inputs,
    outputs: [output],
    attributes: new Map(attributes.map((a) => [a.name, a])),
  });
  return output;
}

function int64(values: readonly number[], scalar = false): string {
  const name = `c_${scalar ? 's' : 'v'}_${values.join('_')}`;
  const bytes = new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer);
  const dims = scalar ? [] : [values.length];
  initializers.set(name, { name, dataType: DataType.int64, dims, location: { kind: 'inline', bytes } });
  return name;
}

function weight(dims: readonly number[]): string {
  const name = `w_${initializers.size}`;
  const byteLength = dims.reduce((n, d) => n * d, 4);
  const location = { kind: 'computed', byteLength, produce: () => [] as never } as const;
  initializers.set(name, { name, dataType: DataType.float, dims, location });
  return name;
}

const ints = (name: string, value: readonly number[]): Attribute => ({
  name,
  kind: 'ints',
  value: value.map(BigInt),
});
const axis = (value: number): Attribute => ({ name: 'axis', kind: 'int', value: BigInt(value) });

/** `Reshape(x, Concat(Unsqueeze(Gather(Shape(x), i)), …))`, as PyTorch exports `x.view(batch, seq, …)`. */
function viewed(x: string, tail: readonly number[]): string {
  const shape = node('Shape', [x]);
  const lead = [0, 1].map((i) =>
    node('Unsqueeze', [node('Gather', [shape, int64([i], true)], [axis(0)]), int64([0])]),
  );
  return node('Reshape', [x, node('Concat', [...lead, ...tail.map((t) => int64([t]))], [axis(0)])]);
}

function layer(x: string): string {
  const linear = (input: string, from: number, to: number) =>
    node('Add', [node('MatMul', [input, weight([from, to])]), weight([to])]);
  const split = (input: string, perm: readonly number[]) =>
    node('Transpose', [viewed(input, [heads, hidden / heads])], [ints('perm', perm)]);
  const [q, k, v] = [0, 1, 2].map(() => linear(x, hidden, hidden));
  const scores = node('MatMul', [split(q ?? '', [0, 2, 1, 3]), split(k ?? '', [0, 2, 3, 1])]);
  const mixed = node('MatMul', [node('Softmax', [scores], [axis(-1)]), split(v ?? '', [0, 2, 1, 3])]);
  const merged = viewed(node('Transpose', [mixed], [ints('perm', [0, 2, 1, 3])]), [hidden]);
  const normal = (input: string) => node('LayerNormalization', [input, weight([hidden]), weight([hidden])]);
  const y = normal(node('Add', [x, linear(merged, hidden, hidden)]));
  const up = linear(y, hidden, 4 * hidden);
  const gelu = node('Mul', [up, node('Sigmoid', [up])]);
  return normal(node('Add', [y, linear(gelu, 4 * hidden, hidden)]));
}

const target = Number(process.argv[2] ?? 10_000);
let x = 'input';
while (nodes.length < target) x = layer(x);
const file = memorySource('speed.onnx', new Uint8Array());
const model: Model = {
  irVersion: 8,
  producerName: '',
  producerVersion: '',
  domain: '',
  modelVersion: 0n,
  docString: '',
  opsetImports: [{ domain: '', version: 17 }],
  metadata: [],
  graph: {
    name: 'g',
    nodes,
    initializers,
    sparseInitializers: [],
    inputs: [
      {
        name: 'input',
        type: {
          kind: 'tensor',
          elemType: DataType.float,
          shape: [
            { kind: 'symbol', symbol: 'batch' },
            { kind: 'symbol', symbol: 'sequence' },
            { kind: 'size', size: hidden },
          ],
        },
      },
    ],
    outputs: [{ name: x }],
    valueInfo: new Map(),
  },
  functions: [],
  warnings: [],
  source: { file, openExternal: () => Promise.reject(new Error('none')), close: () => Promise.resolve() },
};

/** Processor time: other work on the machine does not count. */
function timed<T>(run: () => T): [result: T, cpuMs: number] {
  const begin = process.cpuUsage();
  const result = run();
  const { user, system } = process.cpuUsage(begin);
  return [result, (user + system) / 1000];
}

for (let i = 0; i < 5; i++) {
  const [inference, ms] = timed(() => inferShapes(model));
  const edited: Model = {
    ...model,
    graph: { ...model.graph, nodes: [...nodes.slice(0, -1), { ...nodes.at(-1) } as Node] },
  };
  const [, again] = timed(() => reinfer(inference, edited));
  console.log(
    `${nodes.length} nodes: ${ms.toFixed(0)} ms, after an edit ${again.toFixed(0)} ms, ${inference.main.unknown.size} unknown`,
  );
}
