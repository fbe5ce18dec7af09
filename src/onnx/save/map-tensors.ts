/** A model with some tensors replaced; what holds none of them stays the very same object, and is copied on saving. */
import type {
  Attribute,
  Graph,
  LocalFunction,
  Model,
  Node,
  Ranged,
  SparseTensorRef,
  TensorRef,
} from '../model.ts';

/** Where in the model a tensor stands; `constant` is the value of a Constant node. */
export type Role = 'initializer' | 'constant' | 'attribute';

export type MapTensor = (tensor: TensorRef, role: Role) => TensorRef;

export function mapTensors(model: Model, map: MapTensor): Model {
  const graph = mapGraph(model.graph, map);
  const functions = mapEach(model.functions, (fn) => mapFunction(fn, map));
  return changed(model, { graph, functions });
}

function mapGraph(graph: Graph, map: MapTensor): Graph {
  const { shadowedInitializers: shadowed } = graph;
  return changed(graph, {
    nodes: mapEach(graph.nodes, (node) => mapNode(node, map)),
    initializers: mapValues(graph.initializers, (tensor) => map(tensor, 'initializer')),
    sparseInitializers: mapEach(graph.sparseInitializers, (sparse) => mapSparse(sparse, map, 'initializer')),
    ...(shadowed === undefined
      ? {}
      : { shadowedInitializers: mapEach(shadowed, (tensor) => map(tensor, 'initializer')) }),
  });
}

function mapFunction(fn: LocalFunction, map: MapTensor): LocalFunction {
  return changed(fn, {
    nodes: mapEach(fn.nodes, (node) => mapNode(node, map)),
    attributeDefaults: mapEach(fn.attributeDefaults, (attribute) => mapAttribute(attribute, map)),
  });
}

function mapNode(node: Node, map: MapTensor): Node {
  const role = node.opType === 'Constant' && node.domain === '' ? 'constant' : 'attribute';
  return changed(node, {
    attributes: mapValues(node.attributes, (attribute) => mapAttribute(attribute, map, role)),
  });
}

function mapAttribute(attribute: Attribute, map: MapTensor, role: Role = 'attribute'): Attribute {
  switch (attribute.kind) {
    case 'tensor':
      return changed(attribute, { value: map(attribute.value, role) });
    case 'tensors':
      return changed(attribute, { value: mapEach(attribute.value, (tensor) => map(tensor, 'attribute')) });
    case 'sparseTensor':
      return changed(attribute, { value: mapSparse(attribute.value, map) });
    case 'sparseTensors':
      return changed(attribute, { value: mapEach(attribute.value, (sparse) => mapSparse(sparse, map)) });
    case 'graph':
      return changed(attribute, { value: mapGraph(attribute.value, map) });
    case 'graphs':
      return changed(attribute, { value: mapEach(attribute.value, (graph) => mapGraph(graph, map)) });
    default:
      return attribute;
  }
}

function mapSparse(sparse: SparseTensorRef, map: MapTensor, role: Role = 'attribute'): SparseTensorRef {
  return changed(sparse, {
    values: map(sparse.values, role),
    indices: map(sparse.indices, role),
  });
}

/** `object` itself where no property changes. */
export function changed<T extends Ranged>(object: T, properties: Partial<T>): T {
  const keys = Object.keys(properties) as (keyof T)[];
  if (keys.every((key) => object[key] === properties[key])) return object;
  return { ...object, ...properties, range: undefined };
}

/** The very list where no item changes. */
export function mapEach<T>(items: readonly T[], map: (item: T) => T): readonly T[] {
  const mapped = items.map(map);
  return mapped.every((item, i) => item === items[i]) ? items : mapped;
}

/** The very map where no value changes. */
export function mapValues<T>(items: ReadonlyMap<string, T>, map: (item: T) => T): ReadonlyMap<string, T> {
  let isChanged = false;
  const mapped = new Map<string, T>();
  for (const [key, item] of items) {
    const result = map(item);
    isChanged ||= result !== item;
    mapped.set(key, result);
  }
  return isChanged ? mapped : items;
}
