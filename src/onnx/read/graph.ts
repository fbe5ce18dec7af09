/** GraphProto: the main graph, and the bodies of If, Loop and Scan. */
import type { FileBytes, Graph, Node, SparseTensorRef, StringEntry, TensorRef, Value } from '../model.ts';
import type { Cursor } from '../wire/cursor.ts';
import { FIELD_BYTES, fieldSet, len, type Step } from '../wire/keys.ts';
import { keepField } from '../wire/kept.ts';
import { readEntry } from './entry.ts';
import { readNode, readNodeInSteps } from './node.ts';
import { readSparseTensor, readTensorInSteps } from './tensor.ts';
import { readValue } from './type.ts';

const NODE = len(1);
const NAME = len(2);
const INITIALIZER = len(5);
const DOC_STRING = len(10);
const INPUT = len(11);
const OUTPUT = len(12);
const VALUE_INFO = len(13);
const SPARSE_INITIALIZER = len(15);
const METADATA = len(16);
const TEXTS = fieldSet(2, 10);

export function* readGraph(c: Cursor, field: string, index?: number): Step<Graph> {
  const range = c.enter(field, index);
  const parts = new GraphParts();
  let name = '';
  let docString: string | undefined;
  let unknownFields: FileBytes[] | undefined;
  while (c.hasField()) {
    if (c.isShort) yield FIELD_BYTES;
    const key = c.next();
    if (c.lacksText(TEXTS)) yield c.length;
    switch (key) {
      case NODE:
        parts.nodes.push(
          c.hasContent ? readNode(c, parts.nodes.length) : yield* readNodeInSteps(c, parts.nodes.length),
        );
        break;
      case NAME:
        name = c.string();
        break;
      case INITIALIZER:
        parts.addInitializer(yield* readTensorInSteps(c, 'initializer', parts.initializerCount++));
        break;
      case DOC_STRING:
        docString = c.string();
        break;
      case INPUT:
        parts.inputs.push(yield* readValue(c, 'input', parts.inputs.length));
        break;
      case OUTPUT:
        parts.outputs.push(yield* readValue(c, 'output', parts.outputs.length));
        break;
      case VALUE_INFO:
        parts.addValueInfo(c, yield* readValue(c, 'value_info', parts.valueInfo.size));
        break;
      case SPARSE_INITIALIZER:
        parts.sparse.push(yield* readSparseTensor(c, 'sparse_initializer', parts.sparse.length));
        break;
      case METADATA:
        (parts.metadata ??= []).push(yield* readEntry(c, 'metadata_props', parts.metadata.length));
        break;
      default:
        unknownFields = yield* keepField(c, unknownFields);
    }
  }
  const graph: Graph = { name, ...parts.finish(), docString, unknownFields, range };
  c.leave(range, graph);
  return graph;
}

class GraphParts {
  readonly nodes: Node[] = [];
  readonly initializers = new Map<string, TensorRef>();
  shadowed: TensorRef[] | undefined;
  initializerCount = 0;
  readonly sparse: SparseTensorRef[] = [];
  readonly inputs: Value[] = [];
  readonly outputs: Value[] = [];
  readonly valueInfo = new Map<string, Value>();
  metadata: StringEntry[] | undefined;

  addValueInfo(c: Cursor, value: Value): void {
    const { name } = value;
    if (this.valueInfo.has(name)) c.oddities.push({ kind: 'duplicate-value-info', name });
    this.valueInfo.set(name, value);
  }

  /** Of two with one name ONNX Runtime takes the last. */
  addInitializer(tensor: TensorRef): void {
    const earlier = this.initializers.get(tensor.name);
    if (earlier !== undefined) (this.shadowed ??= []).push(earlier);
    this.initializers.set(tensor.name, tensor);
  }

  finish(): Omit<Graph, 'name' | 'docString'> {
    const { nodes, initializers, shadowed, sparse, inputs, outputs, valueInfo, metadata } = this;
    return {
      nodes,
      initializers,
      shadowedInitializers: shadowed,
      sparseInitializers: sparse,
      inputs,
      outputs,
      valueInfo,
      metadata,
    };
  }
}
