/**
 * Exporters merge equal constants: layers that have nothing else to do with each other share a bias of zeros or a scale
 * of ones. Each of them gets a copy here, so that their channels are not tied; what turns out to shrink alike in all of
 * them is shared again (`settle.ts`). Weights of two dims and more stay shared: copies would make the model grow.
 */
import {
  DataType,
  subgraphs,
  type Graph,
  type Model,
  type Node,
  type TensorRef,
} from '../../../onnx/model.ts';
import { namesInside } from './names-inside.ts';

export interface Unshared {
  /** The very model given where nothing is shared. */
  readonly model: Model;
  /** By name of a copy: the constant it is a copy of. */
  readonly sources: ReadonlyMap<string, string>;
  /** The node as it is in the model given, by the node that reads copies. */
  readonly given: ReadonlyMap<Node, Node>;
}

const FLOATS: ReadonlySet<number> = new Set([
  DataType.float,
  DataType.float16,
  DataType.bfloat16,
  DataType.double,
]);

export function unshareConstants(model: Model): Unshared {
  const { graph } = model;
  const behind = vectors(model);
  const users = new Map<string, Set<Node>>();
  for (const node of graph.nodes) {
    if (node.opType === 'Identity') continue;
    for (const name of node.inputs) {
      const source = behind.get(name);
      if (source !== undefined) users.set(source.name, (users.get(source.name) ?? new Set()).add(node));
    }
  }
  const taken = namesOf(graph);
  const initializers = new Map(graph.initializers);
  const sources = new Map<string, string>();
  const given = new Map<Node, Node>();
  const nodes = graph.nodes.map((node, at) => {
    const inputs = node.inputs.map((name) => {
      const source = behind.get(name);
      if (source === undefined || node.opType === 'Identity' || (users.get(source.name)?.size ?? 0) < 2)
        return name;
      const copy = uniqueName(`${source.name}_${at}`, taken, sources);
      initializers.set(copy, { ...source.tensor, name: copy, range: undefined });
      sources.set(copy, source.name);
      return copy;
    });
    if (inputs.every((name, i) => name === node.inputs[i])) return node;
    const own = { ...node, inputs, range: undefined };
    given.set(own, node);
    return own;
  });
  if (given.size === 0) return { model, sources, given };
  return { model: { ...model, graph: { ...graph, nodes, initializers, range: undefined } }, sources, given };
}

interface Vector {
  readonly name: string;
  readonly tensor: TensorRef;
}

/** By name, directly or behind Identity nodes: constants of one dim longer than 1 that nothing else sees. */
function vectors({ graph, irVersion }: Model): Map<string, Vector> {
  const found = new Map<string, Vector>();
  const visible = new Set(graph.outputs.map((o) => o.name));
  if (irVersion >= 4) for (const { name } of graph.inputs) visible.add(name);
  for (const node of graph.nodes)
    for (const body of subgraphs(node)) namesInside(body.graph, (name) => visible.add(name));
  const add = (name: string, tensor: TensorRef): void => {
    const isVector = FLOATS.has(tensor.dataType) && tensor.dims.filter((d) => d !== 1).length === 1;
    if (isVector && !visible.has(name)) found.set(name, { name, tensor });
  };
  for (const [name, tensor] of graph.initializers) add(name, tensor);
  for (const { opType, domain, inputs, outputs, attributes } of graph.nodes) {
    const [input = ''] = inputs;
    const [output = ''] = outputs;
    const value = attributes.get('value');
    const source = opType === 'Identity' && domain === '' ? found.get(input) : undefined;
    if (source !== undefined && !visible.has(output)) found.set(output, source);
    else if (opType === 'Constant' && value?.kind === 'tensor') add(output, value.value);
  }
  return found;
}

function namesOf(graph: Graph): Set<string> {
  const names = new Set(graph.initializers.keys());
  for (const { name } of [...graph.inputs, ...graph.outputs]) names.add(name);
  for (const node of graph.nodes) for (const name of [...node.inputs, ...node.outputs]) names.add(name);
  return names;
}

function uniqueName(base: string, taken: ReadonlySet<string>, made: ReadonlyMap<string, string>): string {
  let name = base;
  for (let i = 1; taken.has(name) || made.has(name); i++) name = `${base}_${i}`;
  return name;
}
