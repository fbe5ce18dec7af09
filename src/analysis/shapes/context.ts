/** A rule's view of one node: {@link RuleContext} over the values of its graph. */
import type { Attribute, Graph, Node, TensorRef } from '../../onnx/model.ts';
import { dimSymbols, unknown } from '../dim.ts';
import type { InferredType, KnownContent } from '../inference.ts';
import type { Dim, Shape, Unknown } from '../types.ts';
import { StoredTensor } from './content.ts';
import { dimsOf, isTensor } from './rule.ts';
import type { Dims, RuleContext, SubgraphOptions, SubgraphResult } from './rule.ts';

/** What a node's context needs of the graph it stands in. */
export interface NodeScope {
  /** In a function's body: the caller's attributes, by name. */
  readonly attributes: ReadonlyMap<string, Attribute> | undefined;
  derived(name: string, bound: Dim | undefined): Dim;
  isDerived(symbol: string): boolean;
  assume(node: Node, condition: Dim): number | undefined;
  subgraph(node: Node, call: SubgraphCall): SubgraphResult;
}

export interface SubgraphCall {
  readonly attribute: string;
  readonly graph: Graph;
  readonly types: readonly InferredType[];
  /** False: it is known never to run. */
  readonly taken: boolean;
}

const absent = unknown('input is absent');
const utf8 = new TextDecoder();

export class NodeContext implements RuleContext {
  readonly node: Node;
  readonly version: number;
  private readonly inputs: readonly (InferredType | undefined)[];
  private readonly scope: NodeScope;
  /** Inputs whose elements the rule asked for, as bits (of every 32nd input, one). */
  contents = 0;
  /** The rule has not asked for anything but inputs and attributes. */
  sawOnlyInputs: boolean;

  constructor(node: Node, version: number, inputs: readonly (InferredType | undefined)[], scope: NodeScope) {
    this.node = node;
    this.version = version;
    this.inputs = inputs;
    this.scope = scope;
    this.sawOnlyInputs = scope.attributes === undefined;
  }

  get inputCount(): number {
    return this.inputs.length;
  }

  get outputCount(): number {
    return this.node.outputs.length;
  }

  has(i: number): boolean {
    return this.inputs[i] !== undefined;
  }

  wants(i: number): boolean {
    return (this.node.outputs[i] ?? '') !== '';
  }

  type(i: number): InferredType | undefined {
    this.contents |= 1 << (i & 31);
    return this.inputs[i];
  }

  private tensor(i: number): (InferredType & { kind: 'tensor' }) | undefined {
    const t = this.inputs[i];
    if (isTensor(t)) return t;
    return t?.kind === 'optional' && isTensor(t.elem) ? t.elem : undefined;
  }

  elem(i: number): number {
    return this.tensor(i)?.elemType ?? 0;
  }

  shape(i: number): Shape {
    const t = this.inputs[i];
    return (
      this.tensor(i)?.shape ??
      (t === undefined
        ? absent
        : t.kind === 'unknown'
          ? (t satisfies Unknown)
          : unknown('input is no tensor'))
    );
  }

  dims(i: number): Dims | undefined {
    return dimsOf(this.shape(i));
  }

  content(i: number): KnownContent | undefined {
    this.contents |= 1 << (i & 31);
    return this.tensor(i)?.content;
  }

  hasContent(i: number): boolean {
    const t = this.tensor(i);
    return t !== undefined && (t instanceof StoredTensor || t.content !== undefined);
  }

  attribute(name: string): Attribute | undefined {
    const a = this.node.attributes.get(name);
    return a?.kind === 'ref' ? this.scope.attributes?.get(a.refName) : a;
  }

  hasAttribute(name: string): boolean {
    return this.attribute(name) !== undefined;
  }

  int(name: string): number | undefined;
  int(name: string, fallback: number): number;
  int(name: string, fallback?: number): number | undefined {
    const a = this.attribute(name);
    return a?.kind === 'int' ? clampInt(a.value) : fallback;
  }

  ints(name: string): readonly number[] | undefined {
    const a = this.attribute(name);
    return a?.kind === 'ints' ? a.value.map(clampInt) : undefined;
  }

  float(name: string, fallback: number): number {
    const a = this.attribute(name);
    return a?.kind === 'float' ? a.value : fallback;
  }

  floats(name: string): readonly number[] | undefined {
    const a = this.attribute(name);
    return a?.kind === 'floats' ? a.value : undefined;
  }

  text(name: string, fallback: string): string {
    const a = this.attribute(name);
    return a?.kind === 'string' ? utf8.decode(a.value) : fallback;
  }

  strings(name: string): readonly string[] | undefined {
    const a = this.attribute(name);
    return a?.kind === 'strings' ? a.value.map((s) => utf8.decode(s)) : undefined;
  }

  tensorAttribute(name: string): TensorRef | undefined {
    const a = this.attribute(name);
    return a?.kind === 'tensor' ? a.value : undefined;
  }

  graphAttribute(name: string): Graph | undefined {
    const a = this.attribute(name);
    return a?.kind === 'graph' ? a.value : undefined;
  }

  derived(output: number, label: string, bound?: Dim): Dim {
    this.sawOnlyInputs = false;
    const name = this.node.outputs[output] || this.node.outputs.find((o) => o !== '') || this.node.name;
    return this.scope.derived(`${name}.${label}`, bound);
  }

  assume(condition: Dim): number | undefined {
    if (typeof condition === 'number') return condition;
    this.sawOnlyInputs = false;
    return this.scope.assume(this.node, condition);
  }

  isFree(dim: Dim): boolean {
    for (const s of dimSymbols(dim)) if (this.scope.isDerived(s)) return false;
    return true;
  }

  subgraph(
    attribute: string,
    inputs: readonly InferredType[],
    { taken = true }: SubgraphOptions = {},
  ): SubgraphResult | undefined {
    this.sawOnlyInputs = false;
    const graph = this.graphAttribute(attribute);
    return graph && this.scope.subgraph(this.node, { attribute, graph, types: inputs, taken });
  }
}

function clampInt(v: bigint): number {
  const n = Number(v);
  return Math.min(Math.max(n, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}
