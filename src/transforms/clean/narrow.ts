/**
 * The edit `clean` with `narrow`: what is float64 becomes float32, constants and what is computed of them alike. The
 * model's own inputs and outputs keep their names and types, with Casts between:
 *
 *     x (float64) → Cast → x_float32 → MatMul → y_float32 → Cast → y (float64)
 */
import { analyze } from '../../analysis/index.ts';
import { tensorByteLength } from '../../onnx/datatype.ts';
import {
  DataType,
  nodeIds,
  operatorOf,
  type Attribute,
  type Graph,
  type LocalFunction,
  type Model,
  type Node,
  type SparseTensorRef,
  type TensorRef,
  type TypeInfo,
  type Value,
} from '../../onnx/model.ts';
import { changed, mapEach, mapTensors, mapValues } from '../../onnx/save/map-tensors.ts';
import { intAttribute, makeNode } from '../graph/nodes.ts';
import type { TensorChange } from '../recipe/recipe.ts';
import { bodiesOf, graphsOf, withIds } from './graphs.ts';
import { narrowTensor } from './narrow-tensor.ts';

/** Of these domains it is known that what takes float64 takes float32, too. */
const KNOWN_DOMAINS: ReadonlySet<string> = new Set(['', 'ai.onnx.ml', 'com.microsoft']);

/** Attributes that name the type of an output. */
const TYPE_ATTRIBUTES: ReadonlySet<string> = new Set(['to', 'dtype', 'output_dtype', 'output_datatype']);

export interface Narrowed {
  /** The very model given where nothing is narrowed. Its nodes have the ids that they had. */
  readonly model: Model;
  /** One for each constant in float64. */
  readonly tensors: readonly TensorChange[];
}

export function narrow(model: Model, edit: number): Narrowed {
  const wide = wideTensors(model);
  if (wide.length === 0) return { model, tensors: [] };
  const reason = whyWide(model);
  const tensors = wide.map(({ name, tensor }): TensorChange => {
    const beforeBytes = tensorByteLength(tensor);
    return reason === undefined
      ? { name, edit, status: 'applied', beforeBytes, afterBytes: beforeBytes / 2 }
      : { name, edit, status: 'blocked', reason, beforeBytes, afterBytes: beforeBytes };
  });
  return { model: reason === undefined ? new Narrowing(model).model() : model, tensors };
}

/** The initializers and the Constants, of bodies and functions too. */
function wideTensors(model: Model): { readonly name: string; readonly tensor: TensorRef }[] {
  const ofGraph = (graph: Graph): TensorRef[] => [
    ...graph.initializers.values(),
    ...graph.sparseInitializers.map((s) => s.values),
  ];
  const found = graphsOf(model.graph).flatMap(ofGraph);
  const ofNode = ({ outputs, attributes }: Node) =>
    [...attributes.values()].flatMap((a) =>
      tensorsIn(a).map((tensor) => ({ name: tensor.name || (outputs[0] ?? ''), tensor })),
    );
  return [
    ...found.map((tensor) => ({ name: tensor.name, tensor })),
    ...allNodes(model).flatMap(ofNode),
  ].filter(({ tensor }) => tensor.dataType === DataType.double);
}

function tensorsIn(a: Attribute): readonly TensorRef[] {
  if (a.kind === 'tensor') return [a.value];
  if (a.kind === 'tensors') return a.value;
  if (a.kind === 'sparseTensor') return [a.value.values];
  return a.kind === 'sparseTensors' ? a.value.map((s) => s.values) : [];
}

function allNodes({ graph, functions }: Model): Node[] {
  const own = functions.flatMap((f) => f.nodes);
  const graphs = [...graphsOf(graph), ...own.flatMap(bodiesOf)];
  return [...graphs.flatMap((g) => g.nodes), ...own];
}

/** Why the model keeps its float64; undefined where it can go. */
function whyWide(model: Model): string | undefined {
  const { graph, functions, irVersion } = model;
  const own = new Set(functions.map((f) => f.domain));
  const foreign = allNodes(model).find(({ domain }) => !KNOWN_DOMAINS.has(domain) && !own.has(domain));
  if (foreign !== undefined) return `whether ${operatorOf(foreign)} takes float32 is not known`;
  const inner = [...graph.inputs, ...graph.outputs].find(
    ({ type }) => type?.kind !== 'tensor' && type !== undefined && narrowType(type) !== type,
  );
  if (inner !== undefined) return `"${inner.name}" is no tensor, and holds float64`;
  const replaced = graph.inputs.find(
    ({ name }) => graph.initializers.get(name)?.dataType === DataType.double && irVersion >= 4,
  );
  if (replaced !== undefined) return `"${replaced.name}" is a graph input, too, which the caller may replace`;
  const asked = functions.find((f) =>
    f.nodes.some((n) =>
      [...n.attributes.values()].some((a) => a.kind === 'ref' && TYPE_ATTRIBUTES.has(a.name)),
    ),
  );
  return asked === undefined
    ? undefined
    : `the function "${asked.name}" is told its types where it is called`;
}

/** The very type where nothing in it is float64. */
function narrowType(type: TypeInfo): TypeInfo {
  switch (type.kind) {
    case 'tensor':
    case 'sparseTensor':
      return type.elemType === DataType.double ? changed(type, { elemType: DataType.float }) : type;
    case 'sequence':
    case 'optional':
      return changed(type, { elem: type.elem && narrowType(type.elem) });
    case 'map':
      return changed(type, { value: type.value && narrowType(type.value) });
    case 'other':
      return type;
  }
}

type Names = ReadonlyMap<string, string>;

class Narrowing {
  private readonly original: Model;
  private readonly taken: Set<string>;

  constructor(model: Model) {
    this.original = model;
    const graphs = graphsOf(model.graph);
    const nodes = graphs.flatMap((g) => g.nodes);
    this.taken = new Set([
      ...graphs.flatMap((g) => [...g.initializers.keys(), ...g.inputs.map((i) => i.name)]),
      ...graphs.flatMap((g) => g.sparseInitializers.map((s) => s.values.name)),
      ...nodes.flatMap((n) => [n.name, ...n.inputs, ...n.outputs]),
    ]);
  }

  model(): Model {
    const { graph, functions } = mapTensors(this.original, (tensor) => narrowTensor(this.original, tensor));
    const inputs = graph.inputs
      .filter((v) => isWide(v) && !graph.initializers.has(v.name))
      .map((v) => v.name);
    const given = new Set(graph.inputs.map((v) => v.name));
    const outputs = this.wideOutputs().filter((name) => !given.has(name));
    const names = new Map([...inputs, ...outputs].map((name) => [name, this.unique(`${name}_float32`)]));
    const casts = (list: readonly string[], toFloat64: boolean): Node[] =>
      list.map((name) => {
        const narrowName = names.get(name) ?? name;
        const [from, to] = toFloat64 ? [narrowName, name] : [name, narrowName];
        const type = intAttribute('to', toFloat64 ? DataType.double : DataType.float);
        return makeNode('Cast', [from], [to], this.unique(`${to}_Cast`), [type]);
      });
    const made = narrowGraph(graph, names);
    const isMoved = inputs.length > 0;
    const nodes = isMoved ? withIds(made.nodes, nodeIds(graph.nodes)) : made.nodes;
    return {
      ...this.original,
      graph: {
        ...made,
        // as they were; before IR version 4 constants are among them
        inputs: made.inputs.map((value, i) =>
          inputs.includes(value.name) ? (graph.inputs[i] ?? value) : value,
        ),
        outputs: graph.outputs,
        nodes: [...casts(inputs, false), ...nodes, ...casts(outputs, true)],
        range: undefined,
      },
      functions: mapEach(functions, narrowFunction),
      range: undefined,
    };
  }

  /** By what is declared, else by what is inferred. */
  private wideOutputs(): string[] {
    const { outputs } = this.original.graph;
    const isUndeclared = ({ type }: Value) => type?.kind !== 'tensor' || type.elemType === 0;
    const analysis = outputs.some(isUndeclared) ? analyze(this.original) : undefined;
    return outputs
      .filter((v) => (isUndeclared(v) ? analysis?.elemTypeOf(v.name) === DataType.double : isWide(v)))
      .map((v) => v.name);
  }

  private unique(name: string): string {
    let found = name;
    for (let i = 2; this.taken.has(found); i++) found = `${name}_${i}`;
    this.taken.add(found);
    return found;
  }
}

/** @param names new ones of values of the graphs around, and of its own where it is the main one */
function narrowGraph(graph: Graph, names: Names): Graph {
  return changed(graph, {
    nodes: mapEach(graph.nodes, (n) => narrowNode(n, names)),
    initializers: renamedAll(graph.initializers, names),
    sparseInitializers: mapEach(graph.sparseInitializers, (s) => renamedSparse(s, names)),
    inputs: mapEach(graph.inputs, narrowValue),
    outputs: mapEach(graph.outputs, (v) => renamed(narrowValue(v), names)),
    valueInfo: renamedAll(mapValues(graph.valueInfo, narrowValue), names),
  });
}

function narrowFunction(f: LocalFunction): LocalFunction {
  const none: Names = new Map();
  return changed(f, {
    nodes: mapEach(f.nodes, (n) => narrowNode(n, none)),
    attributeDefaults: mapEach(f.attributeDefaults, (a) => narrowAttribute(a, none)),
    valueInfo: mapValues(f.valueInfo, narrowValue),
  });
}

function narrowNode(node: Node, names: Names): Node {
  const rename = (name: string): string => names.get(name) ?? name;
  return changed(node, {
    inputs: mapEach(node.inputs, rename),
    outputs: mapEach(node.outputs, rename),
    attributes: mapValues(node.attributes, (a) => narrowAttribute(a, names)),
  });
}

/** Tensors are narrow by then. */
function narrowAttribute(a: Attribute, names: Names): Attribute {
  switch (a.kind) {
    case 'int':
      return TYPE_ATTRIBUTES.has(a.name) && a.value === BigInt(DataType.double)
        ? changed(a, { value: BigInt(DataType.float) })
        : a;
    case 'type':
      return changed(a, { value: narrowType(a.value) });
    case 'types':
      return changed(a, { value: mapEach(a.value, narrowType) });
    case 'graph':
      return changed(a, { value: narrowBody(a.value, names) });
    case 'graphs':
      return changed(a, { value: mapEach(a.value, (g) => narrowBody(g, names)) });
    default:
      return a;
  }
}

/** A name that the body gives to a value of its own means that one in it. */
function narrowBody(graph: Graph, names: Names): Graph {
  const own = new Set([
    ...graph.inputs.map((v) => v.name),
    ...graph.initializers.keys(),
    ...graph.sparseInitializers.map((s) => s.values.name),
    ...graph.nodes.flatMap((n) => n.outputs),
  ]);
  return narrowGraph(graph, new Map([...names].filter(([name]) => !own.has(name))));
}

function isWide({ type }: Value): boolean {
  return type?.kind === 'tensor' && type.elemType === DataType.double;
}

function narrowValue(value: Value): Value {
  return changed(value, { type: value.type && narrowType(value.type) });
}

function renamed<T extends Value | TensorRef>(named: T, names: Names): T {
  const name = names.get(named.name);
  return name === undefined ? named : { ...named, name, range: undefined };
}

function renamedSparse(tensor: SparseTensorRef, names: Names): SparseTensorRef {
  return changed(tensor, { values: renamed(tensor.values, names) });
}

/** By their new names; the very map where none has one. */
function renamedAll<T extends Value | TensorRef>(
  all: ReadonlyMap<string, T>,
  names: Names,
): ReadonlyMap<string, T> {
  if (![...all.keys()].some((name) => names.has(name))) return all;
  return new Map([...all].map(([name, item]) => [names.get(name) ?? name, renamed(item, names)]));
}
