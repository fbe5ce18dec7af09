/**
 * Where gradients flow in a model: which constants are trained, which values have a gradient, and what has to be kept
 * from forward to backward for it.
 */
import { DataType } from '../../onnx/model.ts';
import type { Block, Program } from '../memory/program.ts';
import { elemTypeOfValue } from '../memory/values.ts';
import type { Value } from '../memory/values.ts';
import type { Dim } from '../types.ts';
import { trainedGraph, type TrainedNode } from './graph.ts';
import { backwardOf, stopsGradient, type Saved } from './saved.ts';

export interface GradientFlow {
  /** The main graph as it is trained. */
  readonly nodes: readonly TrainedNode[];
  readonly trainable: readonly Value[];
  readonly frozen: readonly Value[];
  /** Values of the main graph that have a gradient, by the value whose memory they are a view of. */
  readonly hasGradient: ReadonlySet<Value>;
  /** For each value that is kept: the nodes whose backward needs it, in order. */
  readonly keptFor: ReadonlyMap<Value, readonly TrainedNode[]>;
  /** What a node's backward saves beside values of the graph. */
  readonly extras: readonly { readonly node: TrainedNode; readonly bytes: Dim }[];
  /** Nodes whose backward is not known. */
  readonly unknown: readonly { readonly node: string; readonly reason: string }[];
  /** The value whose memory this one is a view of. */
  rootOf(value: Value): Value;
}

/** Views of their input. */
const views: ReadonlySet<string> = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity']);

const floatTypes: ReadonlySet<number> = new Set([
  DataType.float,
  DataType.float16,
  DataType.bfloat16,
  DataType.double,
]);

/** What is of no known type may be. */
function isFloat(v: Value): boolean {
  const type = elemTypeOfValue(v);
  return type === 0 || floatTypes.has(type);
}

export function gradientFlow(program: Program): GradientFlow {
  return new Flow(program).trace();
}

class Flow {
  private readonly program: Program;
  private readonly nodes: readonly TrainedNode[];
  /** Values that depend on a trained constant through differentiable inputs. */
  private readonly depends = new Set<Value>();
  private readonly hasGradient = new Set<Value>();
  private readonly trainable = new Set<Value>();
  private readonly keptFor = new Map<Value, TrainedNode[]>();
  private readonly extras: { node: TrainedNode; bytes: Dim }[] = [];
  private readonly unknown: { node: string; reason: string }[] = [];
  private readonly roots = new Map<Value, Value>();

  constructor(program: Program) {
    this.program = program;
    this.nodes = trainedGraph(program.main);
  }

  trace(): GradientFlow {
    for (const n of this.nodes) this.forward(n);
    for (const v of this.program.main.outputs) if (v && this.depends.has(v)) this.hasGradient.add(v);
    for (const n of this.nodes.toReversed()) this.backward(n);
    const roots = [...this.hasGradient].filter((v) => v.kind === 'produced').map((v) => this.rootOf(v));
    const trained = this.program.constants.filter((v) => this.trainable.has(v) && this.hasGradient.has(v));
    const trainedSet = new Set(trained);
    for (const list of this.keptFor.values()) list.reverse();
    return {
      nodes: this.nodes,
      trainable: trained,
      frozen: this.program.constants.filter((v) => !trainedSet.has(v)),
      hasGradient: new Set(roots),
      keptFor: this.keptFor,
      extras: this.extras,
      unknown: this.unknown.reverse(),
      rootOf: (v) => this.rootOf(v),
    };
  }

  private rootOf(value: Value): Value {
    return this.roots.get(value) ?? value;
  }

  private forward(n: TrainedNode): void {
    const [input] = n.inputs;
    const [output] = n.outputs;
    if (input && output && this.isView(n, input)) this.roots.set(output, this.rootOf(input));
    const inputs = this.differentiable(n);
    for (const v of inputs) if (isTrainable(v)) this.trainable.add(v);
    if (inputs.some((v) => this.trainable.has(v) || this.depends.has(v)))
      for (const v of n.outputs) if (v && isFloat(v)) this.depends.add(v);
  }

  /** A transposed weight is multiplied as it lies; a transposed activation is laid out anew. */
  private isView({ domain, opType }: TrainedNode, input: Value): boolean {
    if (domain !== '') return false;
    return views.has(opType) || (opType === 'Transpose' && this.rootOf(input).kind === 'constant');
  }

  /** Inputs through which a gradient flows; all float ones where nothing is known of the operator. */
  private differentiable(n: TrainedNode): Value[] {
    if (stopsGradient(n) || n.inputs.some(isQuantizationScale)) return [];
    const rule = backwardOf(n);
    const read = n.inputs.filter(
      (v, i) => v !== undefined && isFloat(v) && (rule === undefined || rule.needs(i) !== undefined),
    ) as Value[];
    return [...read, ...n.source.bodies.flatMap((b) => readWithin(b.block)).filter(isFloat)];
  }

  private backward(n: TrainedNode): void {
    if (!n.outputs.some((v) => v && this.hasGradient.has(v))) return;
    const wanted = new Set(
      this.differentiable(n).filter((v) => this.trainable.has(v) || this.depends.has(v)),
    );
    for (const v of wanted) this.hasGradient.add(v);
    const rule = backwardOf(n);
    if (rule === undefined) {
      const name = n.domain === '' ? n.opType : `${n.domain}::${n.opType}`;
      this.unknown.push({ node: n.source.id, reason: `what the backward of ${name} keeps is not known` });
      return;
    }
    n.inputs.forEach((v, i) => {
      if (v && wanted.has(v)) for (const saved of rule.needs(i) ?? []) this.keep(n, saved);
    });
    if (rule.extra) this.extras.push({ node: n, bytes: rule.extra(n) });
  }

  /** Constants are there anyway. */
  private keep(n: TrainedNode, { of, index }: Saved): void {
    const value = (of === 'input' ? n.inputs : n.outputs)[index];
    if (value === undefined || value.kind === 'constant') return;
    const root = this.rootOf(value);
    if (root.kind === 'constant') return;
    const list = this.keptFor.get(root);
    if (list === undefined) this.keptFor.set(root, [n]);
    else if (list.at(-1) !== n) list.push(n);
  }
}

/** What a subgraph takes from around it, and its own constants. */
function readWithin(block: Block): Value[] {
  const inner = block.nodes.flatMap((n) => n.bodies.flatMap((b) => readWithin(b.block)));
  return [...block.captured, ...block.constants, ...inner];
}

/** What integers are multiplied by afterwards: no gradient comes to them. */
function isQuantizationScale(v: Value | undefined): boolean {
  return v?.producer?.node.opType === 'DynamicQuantizeLinear';
}

/** A float constant with an axis; scalars are settings. */
function isTrainable(v: Value): boolean {
  return v.kind === 'constant' && (v.constant?.dims.length ?? 0) > 0 && isFloat(v);
}
