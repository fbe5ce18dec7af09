/** Everything in a model that is a tensor: initializers, attributes, in subgraphs and functions too. */
import type { Attribute, Graph, Model, Node, SparseTensorRef, TensorRef } from '../model.ts';

/** Every tensor of the model, in file order; of initializers with one name all. */
export function allTensors(model: Pick<Model, 'graph' | 'functions'>): readonly TensorRef[] {
  const found: TensorRef[] = [];
  addGraph(found, model.graph);
  for (const fn of model.functions) {
    for (const node of fn.nodes) addNode(found, node);
    for (const attribute of fn.attributeDefaults) addAttribute(found, attribute);
  }
  return found;
}

function addGraph(found: TensorRef[], graph: Graph): void {
  for (const node of graph.nodes) addNode(found, node);
  for (const tensor of graph.shadowedInitializers ?? []) found.push(tensor);
  for (const tensor of graph.initializers.values()) found.push(tensor);
  for (const sparse of graph.sparseInitializers) addSparse(found, sparse);
}

function addNode(found: TensorRef[], node: Node): void {
  for (const attribute of node.attributes.values()) addAttribute(found, attribute);
}

function addAttribute(found: TensorRef[], attribute: Attribute): void {
  switch (attribute.kind) {
    case 'tensor':
      found.push(attribute.value);
      return;
    case 'tensors':
      for (const tensor of attribute.value) found.push(tensor);
      return;
    case 'graph':
      addGraph(found, attribute.value);
      return;
    case 'graphs':
      for (const graph of attribute.value) addGraph(found, graph);
      return;
    case 'sparseTensor':
      addSparse(found, attribute.value);
      return;
    case 'sparseTensors':
      for (const sparse of attribute.value) addSparse(found, sparse);
      return;
    default:
  }
}

function addSparse(found: TensorRef[], sparse: SparseTensorRef): void {
  found.push(sparse.values, sparse.indices);
}
