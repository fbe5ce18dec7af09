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
import { intAttribute, makeNode } from '../graph/nodes.ts';
import type { TensorChange } from '../recipe/recipe.ts';
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

function graphsOf(graph: Graph): Graph[] {
  return [graph, ...graph.nodes.flatMap(bodiesOf).flatMap(graphsOf)];
}

function bodiesOf({ attributes }: Node): readonly Graph[] {
  return [...attributes.values()].flatMap((a) =>
    a.kind === 'graph' ? [a.value] : a.kind === 'graphs' ? a.value : [],
  );
}

function allNodes({ graph, functions }: Model): Node[] {
  const bodies = functions.flatMap((f) => f.nodes.flatMap(bodiesOf)).flatMap(graphsOf);
  return [
    graphsOf(graph).flatMap((g) => g.nodes),
    functions.flatMap((f) => f.nodes),
    bodies.flatMap((g) => g.nodes),
  ].flat();
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
  if (type.kind === 'tensor' || type.kind === 'sparseTensor')
    return type.elemType === DataType.double ? { ...type, elemType: DataType.float, range: undefined } : type;
  if (type.kind === 'sequence' || type.kind === 'optional') {
    const elem = type.elem === undefined ? undefined : narrowType(type.elem);
    return elem === type.elem ? type : { ...type, elem, range: undefined };
  }
  if (type.kind !== 'map' || type.value === undefined) return type;
  const value = narrowType(type.value);
  return value === type.value ? type : { ...type, value, range: undefined };
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
      ...nodes.flatMap((n) => [n.name, ...n.inputs, ...n.outputs]),
    ]);
  }

  model(): Model {
    const { graph, functions } = this.original;
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
    const made = this.graph(graph, names);
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
      functions: mapped(functions, (f) => this.localFunction(f)),
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

  /** @param names new ones of values of the graphs around, and of its own where it is the main one */
  private graph(graph: Graph, names: Names): Graph {
    const constants = [...graph.initializers].map(([name, tensor]) => {
      const made = this.tensor(tensor, name);
      const now = names.get(name) ?? name;
      return [now, now === name ? made : { ...made, name: now, range: undefined }] as const;
    });
    const made: Graph = {
      ...graph,
      nodes: mapped(graph.nodes, (n) => this.node(n, names)),
      initializers: new Map(constants),
      shadowedInitializers: graph.shadowedInitializers?.map((t) => this.tensor(t, t.name)),
      sparseInitializers: mapped(graph.sparseInitializers, (s) => this.sparse(s)),
      inputs: mapped(graph.inputs, narrowValue),
      outputs: mapped(graph.outputs, (v) => renamedValue(narrowValue(v), names)),
      valueInfo: new Map(
        [...graph.valueInfo.values()].map((v) => {
          const value = renamedValue(narrowValue(v), names);
          return [value.name, value] as const;
        }),
      ),
      range: undefined,
    };
    const parts = ['nodes', 'sparseInitializers', 'inputs', 'outputs'] as const;
    const isSame =
      parts.every((part) => made[part] === graph[part]) &&
      constants.every(([name, t]) => graph.initializers.get(name) === t) &&
      [...made.valueInfo].every(([name, v]) => graph.valueInfo.get(name) === v);
    return isSame ? graph : made;
  }

  private localFunction(f: LocalFunction): LocalFunction {
    const none: Names = new Map();
    const nodes = mapped(f.nodes, (n) => this.node(n, none));
    const attributeDefaults = mapped(f.attributeDefaults, (a) => this.attribute(a, '', none));
    const values = mapped([...f.valueInfo.values()], narrowValue);
    const isSame =
      nodes === f.nodes &&
      attributeDefaults === f.attributeDefaults &&
      values.every((v) => f.valueInfo.get(v.name) === v);
    if (isSame) return f;
    const valueInfo = new Map(values.map((v) => [v.name, v]));
    return { ...f, nodes, attributeDefaults, valueInfo, range: undefined };
  }

  private node(node: Node, names: Names): Node {
    const rename = (name: string): string => names.get(name) ?? name;
    const inputs = mapped(node.inputs, rename);
    const outputs = mapped(node.outputs, rename);
    const attributes = [...node.attributes.values()];
    const narrowed = mapped(attributes, (a) => this.attribute(a, node.outputs[0] ?? '', names));
    if (inputs === node.inputs && outputs === node.outputs && narrowed === attributes) return node;
    return {
      ...node,
      ...{ inputs, outputs, range: undefined },
      attributes: new Map(narrowed.map((a) => [a.name, a])),
    };
  }

  /** @param reader the value that it makes, to name where a tensor cannot be read */
  private attribute(a: Attribute, reader: string, names: Names): Attribute {
    switch (a.kind) {
      case 'int':
        return TYPE_ATTRIBUTES.has(a.name) && a.value === BigInt(DataType.double)
          ? { ...a, value: BigInt(DataType.float), range: undefined }
          : a;
      case 'tensor':
        return changed(a, this.tensor(a.value, reader));
      case 'tensors':
        return changed(
          a,
          mapped(a.value, (t) => this.tensor(t, reader)),
        );
      case 'sparseTensor':
        return changed(a, this.sparse(a.value));
      case 'sparseTensors':
        return changed(
          a,
          mapped(a.value, (s) => this.sparse(s)),
        );
      case 'type':
        return changed(a, narrowType(a.value));
      case 'types':
        return changed(a, mapped(a.value, narrowType));
      case 'graph':
        return changed(a, this.body(a.value, names));
      case 'graphs':
        return changed(
          a,
          mapped(a.value, (g) => this.body(g, names)),
        );
      default:
        return a;
    }
  }

  /** A name that the body gives to a value of its own means that one in it. */
  private body(graph: Graph, names: Names): Graph {
    const own = new Set([
      ...graph.inputs.map((v) => v.name),
      ...graph.initializers.keys(),
      ...graph.sparseInitializers.map((s) => s.values.name),
      ...graph.nodes.flatMap((n) => n.outputs),
    ]);
    return this.graph(graph, new Map([...names].filter(([name]) => !own.has(name))));
  }

  private sparse(tensor: SparseTensorRef): SparseTensorRef {
    const values = this.tensor(tensor.values, tensor.values.name);
    return values === tensor.values ? tensor : { ...tensor, values, range: undefined };
  }

  private tensor(tensor: TensorRef, reader: string): TensorRef {
    return narrowTensor(this.original, tensor, reader);
  }
}

function isWide({ type }: Value): boolean {
  return type?.kind === 'tensor' && type.elemType === DataType.double;
}

function narrowValue(value: Value): Value {
  const type = value.type === undefined ? undefined : narrowType(value.type);
  return type === value.type ? value : { ...value, type, range: undefined };
}

function renamedValue(value: Value, names: Names): Value {
  const name = names.get(value.name);
  return name === undefined ? value : { ...value, name, range: undefined };
}

/** Nodes are counted where they have no name of their own: with others before them, they get the one they went by. */
function withIds(nodes: readonly Node[], ids: readonly string[]): Node[] {
  return nodes.map((n, i) => (n.name === ids[i] ? n : { ...n, name: ids[i] ?? n.name, range: undefined }));
}

function changed<A extends Attribute>(attribute: A, value: A['value' & keyof A]): A {
  const known = 'value' in attribute ? attribute.value : undefined;
  return known === value ? attribute : { ...attribute, value, range: undefined };
}

/** The very list where nothing in it changes. */
function mapped<T>(list: readonly T[], change: (item: T) => T): readonly T[] {
  const made = list.map(change);
  return made.every((item, i) => item === list[i]) ? list : made;
}
