/** What the graph says of its inputs beyond their type: the size of the table that ids look up, and what is a state. */
import {
  openModel,
  OnnxError,
  type DeclaredDim,
  type Graph,
  type Model,
  type Node,
  type TensorRef,
  type TypeInfo,
  type Value,
} from '../onnx/index.ts';
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
  const hints: Record<string, { exclusiveMax?: number; isState?: boolean }> = {};
  for (const input of graph.inputs) if (isState(input, graph)) hints[input.name] = { isState: true };
  for (const node of graph.nodes) {
    const rows = node.opType === 'Gather' ? tableRows(node, graph.initializers, producers) : undefined;
    const input = rows === undefined ? undefined : originOf(node.inputs[1], producers);
    if (rows === undefined || input === undefined || !inputs.has(input)) continue;
    // one that looks up several tables must be within the smallest
    hints[input] = { exclusiveMax: Math.min(rows, hints[input]?.exclusiveMax ?? Infinity) };
  }
  return hints;
}

const stateName = /^(?:initial_)?[hc]n?\d*$|state|hidden|cell|past|cache/i;

/** What the last run gave for the next: an output of its kind is named after it, and something else goes in, too. */
function isState({ name, type }: Value, { inputs, outputs, initializers }: Graph): boolean {
  const fed = inputs.filter((i) => !initializers.has(i.name));
  if (!stateName.test(name) || type?.kind !== 'tensor' || fed.length < 2) return false;
  const after = new Set(nextNames(name));
  return outputs.some((o) => after.has(o.name.toLowerCase()) && isAlike(type, o.type));
}

/** h → hn, state → stateN, past → present, state_in → state_out. */
function nextNames(name: string): string[] {
  const own = name.toLowerCase();
  const renamed = [
    own.replace('past', 'present'),
    own.replace('initial', 'final'),
    own.replace('prev', 'next'),
    own.replace(/(^|_)in(_|$)/, '$1out$2'),
  ];
  return [
    ...renamed.filter((n) => n !== own),
    ...['n', '_n', '_new', '_out', '_next', '.1'].map((end) => own + end),
    `new_${own}`,
    `next_${own}`,
  ];
}

function isAlike(a: TypeInfo, b: TypeInfo | undefined): boolean {
  if (a.kind !== 'tensor' || b?.kind !== 'tensor' || a.elemType !== b.elemType) return false;
  if (a.shape === undefined || b.shape === undefined) return true;
  const { shape } = b;
  const isFit = (d: DeclaredDim, i: number): boolean => {
    const other = shape[i];
    return d.kind !== 'size' || other?.kind !== 'size' || d.size === other.size;
  };
  return a.shape.length === shape.length && a.shape.every(isFit);
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
