/**
 * How far apart float16's rounding alone can bring a model's outputs, with all that is computed in float32. Some networks
 * make much of little: a normalization over two channels leaves but their order, one of values that are nearly equal
 * leaves what rounding made of them.
 */
import { readTensor } from '../../../src/onnx/index.ts';
import { DataType, type Graph, type Model, type Node } from '../../../src/onnx/model.ts';
import { floats, node } from '../../support/model-builder.ts';
import { furthest, run, type Feeds } from './prune/zeroed.ts';

/** The most of several draws, as a share of the largest output. Bodies hold no bodies, and no integers but the flag `go`. */
export async function sensitivity(m: Model, input: Feeds): Promise<number> {
  const expected = await run(m, input);
  let most = 0;
  for (let seed = 1; seed <= 16; seed++) {
    const rounded = { ...m, graph: await withBodiesRounded(m, seed) };
    most = Math.max(most, furthest(expected, await run(rounded, input)));
  }
  return most;
}

async function withBodiesRounded(m: Model, seed: number): Promise<Graph> {
  const nodes: Node[] = [];
  for (const n of m.graph.nodes) {
    const attributes = new Map(n.attributes);
    for (const [name, a] of n.attributes)
      if (a.kind === 'graph') attributes.set(name, { ...a, value: await roundedBody(m, a.value, seed) });
    nodes.push({ ...n, attributes, range: undefined });
  }
  return { ...m.graph, nodes, range: undefined };
}

async function roundedBody(m: Model, g: Graph, seed: number): Promise<Graph> {
  const initializers = await movedWeights(m, g, seed);
  // another step for each draw: values fall elsewhere between two of float16
  const step = 1 + seed / 17;
  initializers.set('.step', floats('.step', [], [step]));
  const rounding = (from: string, to: string): Node[] => [
    node('Mul', [from, '.step'], [`${to}.scaled`]),
    node('Cast', [`${to}.scaled`], [`${to}.low`], { to: DataType.float16 }),
    node('Cast', [`${to}.low`], [`${to}.high`], { to: DataType.float }),
    node('Div', [`${to}.high`, '.step'], [to]),
  ];
  const known = new Set([...initializers.keys(), ...g.nodes.flatMap((n) => n.outputs), '']);
  const nodes: Node[] = [];
  for (const n of g.nodes) {
    if (n.opType === 'Identity') {
      nodes.push({ ...n, range: undefined });
      continue;
    }
    const inputs = n.inputs.map((name) => (known.has(name) ? name : `${name}.rounded`));
    for (const name of new Set(n.inputs))
      if (!known.has(name) && !nodes.some((made) => made.outputs.includes(`${name}.rounded`)))
        nodes.push(...rounding(name, `${name}.rounded`));
    const outputs = n.outputs.map((name) => (name === '' ? name : `${name}.exact`));
    nodes.push({ ...n, inputs, outputs, range: undefined });
    for (const name of n.outputs) if (name !== '') nodes.push(...rounding(`${name}.exact`, name));
  }
  return { ...g, nodes, initializers, range: undefined };
}

/** Each float32 weight by up to 2^-11 of itself. */
async function movedWeights(m: Model, g: Graph, seed: number): Promise<Map<string, Tensor>> {
  const initializers = new Map(g.initializers);
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  for (const [name, t] of g.initializers) {
    if (t.dataType !== DataType.float) continue;
    const values = new Float32Array(Uint8Array.from(await readTensor(m, t)).buffer);
    initializers.set(
      name,
      floats(
        name,
        t.dims,
        Array.from(values, (v) => v * (1 + next() * 2 ** -11)),
      ),
    );
  }
  return initializers;
}

type Tensor = ReturnType<typeof floats>;
