/** One of ONNX's backend tests: a model, and what goes in and comes out. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { openModel } from '../../src/onnx/index.ts';
import type { Graph, Model, TensorRef, TypeInfo } from '../../src/onnx/index.ts';
import type { Actual } from './compare.ts';
import { bytesOf, intOf, intsOf, readFields } from './wire.ts';

export interface NodeTest {
  readonly name: string;
  readonly model: Model;
  /** One for each graph input that is given, by name. */
  readonly inputs: ReadonlyMap<string, Given>;
  /** One for each graph output, in order. */
  readonly outputs: readonly Actual[];
}

export interface Given {
  readonly actual: Actual;
  /** The tensor with its bytes; undefined for sequences, optionals and strings. */
  readonly tensor: TensorRef | undefined;
}

/** A model's file, and where its data lies: `input_0.pb`, `output_0.pb`, … after this beginning. */
export interface TestFiles {
  readonly model: string;
  readonly data: string;
}

/** Every test below `root`: a folder with `model.onnx` and its data sets, or a model with its outputs beside it. */
export async function findTests(root: string): Promise<readonly TestFiles[]> {
  const found: TestFiles[] = [];
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith('.onnx')) continue;
    const model = path.join(entry.parentPath, entry.name);
    const data =
      entry.name === 'model.onnx'
        ? path.join(entry.parentPath, 'test_data_set_0') + path.sep
        : `${model.slice(0, -'.onnx'.length)}_`;
    found.push({ model, data });
  }
  return found.sort((a, b) => (a.model < b.model ? -1 : 1));
}

/** Undefined where no data is stored. */
export async function readTest(files: TestFiles): Promise<NodeTest | undefined> {
  const read = (name: string) => readFile(files.data + name).catch(() => undefined);
  if ((await read('output_0.pb')) === undefined) return undefined;
  const model = await openModel(files.model);
  await model.source.close();
  const { graph } = model;
  const inputs = new Map<string, Given>();
  for (const [i, v] of graph.inputs.filter((x) => !graph.initializers.has(x.name)).entries()) {
    const bytes = await read(`input_${i}.pb`);
    if (bytes)
      inputs.set(v.name, { actual: actualOf(bytes, v.type), tensor: tensorOf(v.name, bytes, v.type) });
  }
  const outputs: Actual[] = [];
  for (const [i, v] of graph.outputs.entries()) {
    const bytes = await read(`output_${i}.pb`);
    if (bytes === undefined) throw new Error(`output ${i}, ${v.name}, is not stored`);
    outputs.push(actualOf(bytes, v.type));
  }
  const folder = path.dirname(files.model);
  const name = path.basename(files.model) === 'model.onnx' ? folder : files.model;
  return { name: path.basename(name, '.onnx'), model, inputs, outputs };
}

/** TensorProto, SequenceProto or OptionalProto, as the graph declares the value. */
function actualOf(bytes: Uint8Array, declared: TypeInfo | undefined): Actual {
  const fields = readFields(bytes);
  if (declared?.kind === 'map') return { kind: 'map' };
  if (declared?.kind !== 'sequence' && declared?.kind !== 'optional')
    return { kind: 'tensor', elemType: intOf(fields, 2), dims: intsOf(fields, 1).map(Number) };
  // tensor_values 3, sequence_values 5, map_values 6 of a sequence; the same numbers, single, of an optional
  const items = [
    ...bytesOf(fields, 3).map((b) => actualOf(b, undefined)),
    ...bytesOf(fields, 5).map((b) => actualOf(b, { kind: 'sequence', elem: undefined })),
    ...bytesOf(fields, 6).map((): Actual => ({ kind: 'map' })),
  ];
  return declared.kind === 'sequence' ? { kind: 'sequence', items } : { kind: 'optional', item: items[0] };
}

function tensorOf(name: string, bytes: Uint8Array, declared: TypeInfo | undefined): TensorRef | undefined {
  const fields = readFields(bytes);
  const [raw] = bytesOf(fields, 9);
  if (declared?.kind !== 'tensor') return undefined;
  const dims = intsOf(fields, 1).map(Number);
  if (raw === undefined && !dims.includes(0)) return undefined;
  const content = raw ?? new Uint8Array();
  return {
    name,
    dataType: intOf(fields, 2),
    dims,
    location: { kind: 'inline', bytes: content },
    smallData: content,
  };
}

/** The model without what it declares of its values but its inputs: these tests declare the very answer. */
export function undeclared(model: Model): Model {
  return { ...model, graph: undeclaredGraph(model.graph) };
}

function undeclaredGraph(graph: Graph): Graph {
  return {
    ...graph,
    valueInfo: new Map(),
    outputs: graph.outputs.map((v) => ({ name: v.name })),
    nodes: graph.nodes.map((n) => ({
      ...n,
      attributes: new Map(
        [...n.attributes].map(([name, a]) => [
          name,
          a.kind === 'graph' ? { ...a, value: undeclaredGraph(a.value) } : a,
        ]),
      ),
    })),
  };
}

/** The model with its inputs as initializers: what depends on their values is then known, as far as it is computed. */
export function withInputsFixed(model: Model, { inputs }: NodeTest): Model {
  const initializers = new Map(model.graph.initializers);
  for (const [name, { tensor }] of inputs) if (tensor) initializers.set(name, tensor);
  const graph: Graph = {
    ...model.graph,
    initializers,
    inputs: model.graph.inputs.filter((v) => inputs.get(v.name)?.tensor === undefined),
  };
  return { ...model, graph };
}
