/** What is odd about a model but does not hinder, as warnings; and what makes it meaningless, as an error. */
import { denseByteLength, elementBits, storedByteLength } from '../datatype.ts';
import { OnnxError } from '../errors.ts';
import { MAX_MESSAGE_BYTES, MAX_VARINT_BYTES } from '../limits.ts';
import {
  DataType,
  subgraphs,
  type Graph,
  type LocalFunction,
  type Model,
  type ModelWarning,
  type Node,
  type TensorRef,
} from '../model.ts';
import { varintEntryBytes } from '../tensor/encoding.ts';
import type { Oddity } from '../wire/cursor.ts';

/** Names shown in one warning; a broken exporter makes the same mistake ten thousand times. */
const MAX_EXAMPLES = 3;

/** What the parser saw. */
interface Seen {
  readonly oddities: readonly Oddity[];
  readonly unreadTensors: readonly TensorRef[];
}

/** @throws OnnxError kind 'malformed' where local functions call each other in a circle: nothing can expand them */
export function inspectModel(model: Model, { oddities, unreadTensors }: Seen): ModelWarning[] {
  refuseCircles(model);
  const findings = new Findings();
  for (const { kind, name } of oddities) findings.add(kind, name);
  if (model.source.file.sizeBytes > MAX_MESSAGE_BYTES) findings.add('file-too-large', '');
  if (model.opsetImports.length === 0) findings.add('no-opset-import', '');
  inspectGraph(model.graph, findings);
  for (const fn of model.functions) {
    const inputs = new Scope(undefined, fn.inputs);
    inspectNodes(fn.nodes, inputs, findings);
  }
  for (const tensor of unreadTensors) inspectTensor(tensor, findings);
  return findings.warnings();
}

const MESSAGES: Readonly<Record<string, (names: string, count: number) => string>> = {
  'no-opset-import': () => 'the model imports no operator set; ONNX Runtime will take version 1 of each',
  'file-too-large': () =>
    'the file is larger than 2 GiB, so ONNX Runtime cannot load it; save it with external data',
  'duplicate-attribute': (names) => `nodes have an attribute twice; the last one counts: ${names}`,
  'duplicate-value-info': (names) => `values are described twice; the last one counts: ${names}`,
  'duplicate-initializer': (names) => `several initializers have one name; the last one counts: ${names}`,
  'duplicate-value': (names) => `several nodes or inputs give a value of one name: ${names}`,
  'nodes-out-of-order': (names, count) =>
    `${count} nodes come before the nodes whose outputs they use; ONNX Runtime sorts them: ${names}`,
  'undefined-value': (names) => `nodes use values that nothing gives: ${names}`,
  'undefined-output': (names) => `outputs of a graph that nothing gives: ${names}`,
  'tensor-length': (names) => `tensors whose data do not fit their type and shape: ${names}`,
  'unknown-data-type': (names) => `tensors of a type that this version does not know: ${names}`,
};

class Findings {
  private readonly found = new Map<string, string[]>();

  add(kind: string, name: string): void {
    const names = this.found.get(kind);
    if (names === undefined) this.found.set(kind, [name]);
    else names.push(name);
  }

  warnings(): ModelWarning[] {
    return [...this.found].map(([kind, names]) => {
      const shown = names.slice(0, MAX_EXAMPLES).map((name) => `"${name.slice(0, 80)}"`);
      const more = names.length - shown.length;
      const list = shown.join(', ') + (more > 0 ? ` and ${more} more` : '');
      return { kind, message: MESSAGES[kind]?.(list, names.length) ?? `${kind}: ${list}` };
    });
  }
}

/** Names of values that a node may use: those of its graph so far, and of the graphs around. */
class Scope {
  private readonly outer: Scope | undefined;
  private readonly names: Set<string>;

  constructor(outer: Scope | undefined, names: Iterable<string>) {
    this.outer = outer;
    this.names = new Set(names);
  }

  has(name: string): boolean {
    return this.names.has(name) || (this.outer?.has(name) ?? false);
  }

  /** False where this graph has it already. */
  add(name: string): boolean {
    const { size } = this.names;
    return this.names.add(name).size > size;
  }
}

function inspectGraph(graph: Graph, findings: Findings, outer?: Scope): void {
  for (const { name } of graph.shadowedInitializers ?? []) findings.add('duplicate-initializer', name);
  const scope = new Scope(outer, graph.initializers.keys());
  for (const { values } of graph.sparseInitializers) scope.add(values.name);
  // an initializer may be an input as well: the input's default
  for (const { name } of graph.inputs)
    if (!scope.add(name) && !graph.initializers.has(name)) findings.add('duplicate-value', name);
  inspectNodes(graph.nodes, scope, findings);
  for (const { name } of graph.outputs) if (!scope.has(name)) findings.add('undefined-output', name);
}

function inspectNodes(nodes: readonly Node[], scope: Scope, findings: Findings): void {
  const outOfOrder: { readonly node: Node; readonly inputs: readonly string[] }[] = [];
  for (const node of nodes) {
    if (!hasAll(scope, node.inputs)) {
      const inputs = node.inputs.filter((name) => name !== '' && !scope.has(name));
      outOfOrder.push({ node, inputs });
    }
    if (node.attributes.size > 0) {
      for (const { graph } of subgraphs(node)) inspectGraph(graph, findings, scope);
    }
    for (const name of node.outputs) {
      if (name !== '' && !scope.add(name)) findings.add('duplicate-value', name);
    }
  }
  for (const { node, inputs } of outOfOrder) {
    const undefinedInput = inputs.find((name) => !scope.has(name));
    if (undefinedInput !== undefined) findings.add('undefined-value', undefinedInput);
    else findings.add('nodes-out-of-order', node.name === '' ? node.opType : node.name);
  }
}

function hasAll(scope: Scope, names: readonly string[]): boolean {
  for (const name of names) if (name !== '' && !scope.has(name)) return false;
  return true;
}

function inspectTensor(tensor: TensorRef, findings: Findings): void {
  if (tensor.dataType === DataType.string) return;
  if (elementBits(tensor.dataType) === undefined) {
    findings.add('unknown-data-type', tensor.name);
    return;
  }
  const expected = denseByteLength(tensor.dataType, tensor.dims);
  if (expected !== undefined && !canHold(tensor, expected)) findings.add('tensor-length', tensor.name);
}

/** Whether the stored bytes can be `expected` bytes of raw_data; for varints only as far as their number tells. */
function canHold(tensor: TensorRef, expected: number): boolean {
  const { location } = tensor;
  const stored = storedByteLength(tensor);
  if (location.kind !== 'file' || location.encoding === 'raw') return stored === expected;
  if (location.tagged === true) return stored >= expected / 8;
  if (location.encoding === 'float' || location.encoding === 'double') return stored === expected;
  const entries = expected / varintEntryBytes(tensor.dataType);
  return stored >= entries && stored <= entries * MAX_VARINT_BYTES;
}

function refuseCircles(model: Model): void {
  const functions = new Map(model.functions.map((fn) => [functionKey(fn.domain, fn.name, fn.overload), fn]));
  const state = new Map<LocalFunction, 'open' | 'done'>();
  for (const start of functions.values()) visit(start);

  /** Depth first without recursion: a chain of functions may be as long as the file. */
  function visit(start: LocalFunction): void {
    const stack: { readonly fn: LocalFunction; readonly calls: Iterator<LocalFunction> }[] = [];
    const enter = (fn: LocalFunction) => {
      state.set(fn, 'open');
      stack.push({ fn, calls: calledBy(fn.nodes, functions) });
    };
    if (state.get(start) === undefined) enter(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const next = top.calls.next();
      if (next.done === true) {
        state.set(top.fn, 'done');
        stack.pop();
      } else if (state.get(next.value) === 'open') {
        const message = `the local function "${next.value.name}" calls itself, by way of "${top.fn.name}"`;
        throw new OnnxError('malformed', message, { file: model.source.file.name, field: 'functions' });
      } else if (state.get(next.value) === undefined) enter(next.value);
    }
  }
}

function* calledBy(
  nodes: readonly Node[],
  functions: ReadonlyMap<string, LocalFunction>,
): Generator<LocalFunction, void, undefined> {
  for (const node of nodes) {
    const fn = functions.get(functionKey(node.domain, node.opType, node.overload ?? ''));
    if (fn !== undefined) yield fn;
    for (const { graph } of subgraphs(node)) yield* calledBy(graph.nodes, functions);
  }
}

function functionKey(domain: string, name: string, overload: string): string {
  return `${domain}\0${name}\0${overload}`;
}
