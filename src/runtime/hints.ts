/** What the graph says of its inputs beyond their type: the size of the table that ids look up. */
import { openModel, OnnxError, type Model, type Node, type TensorRef } from '../onnx/index.ts';
import type { RandomHints } from './data/random.ts';

/** None where the file cannot be read: ONNX Runtime will say what is wrong with it. */
export async function inputHints(file: string, signal: AbortSignal): Promise<RandomHints> {
  let model: Model;
  try {
    model = await openModel(file, { signal });
  } catch (error) {
    if (error instanceof OnnxError) return {};
    throw error;
  }
  try {
    return hintsOf(model);
  } finally {
    await model.source.close();
  }
}

/** Ops that hand an input's values on as they are. */
const passing: ReadonlySet<string> = new Set([
  'Cast',
  'Identity',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
]);

/** More in a row is a damaged file, which may even go round in a circle. */
const maxHops = 16;

/** Inputs that index the rows of a constant table by Gather, in the main graph. */
export function hintsOf({ graph }: Model): RandomHints {
  const producers = new Map(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
  const inputs = new Set(graph.inputs.map((i) => i.name));
  const hints: Record<string, { exclusiveMax: number }> = {};
  for (const node of graph.nodes) {
    const rows = node.opType === 'Gather' ? tableRows(node, graph.initializers, producers) : undefined;
    const input = rows === undefined ? undefined : originOf(node.inputs[1], producers);
    if (rows === undefined || input === undefined || !inputs.has(input)) continue;
    // one that looks up several tables must be within the smallest
    hints[input] = { exclusiveMax: Math.min(rows, hints[input]?.exclusiveMax ?? Infinity) };
  }
  return hints;
}

function tableRows(
  node: Node,
  initializers: ReadonlyMap<string, TensorRef>,
  producers: ReadonlyMap<string, Node>,
): number | undefined {
  const [name = ''] = node.inputs;
  const table = initializers.get(name) ?? constantOf(producers.get(name));
  const axis = node.attributes.get('axis');
  return table?.dims.at(axis?.kind === 'int' ? Number(axis.value) : 0);
}

function constantOf(node: Node | undefined): TensorRef | undefined {
  const value = node?.opType === 'Constant' ? node.attributes.get('value') : undefined;
  return value?.kind === 'tensor' ? value.value : undefined;
}

function originOf(name: string | undefined, producers: ReadonlyMap<string, Node>): string | undefined {
  let at = name ?? '';
  for (let hops = 0; hops < maxHops; hops++) {
    const node = producers.get(at);
    if (node === undefined) return at;
    if (!passing.has(node.opType)) return undefined;
    at = node.inputs[0] ?? '';
  }
  return undefined;
}
