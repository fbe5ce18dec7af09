/**
 * Which nodes of the main graph a static edit quantizes, and which values get integers, worked out before anything is
 * changed. Operators without weights join where what they take is quantized already: alone they would only add rounding.
 */
import { analyze } from '../../../analysis/index.ts';
import { DataType } from '../../../onnx/model.ts';
import type { Range } from '../../calibrate/range.ts';
import type { StepContext } from '../../context.ts';
import { blocksOpset } from '../../graph/opset.ts';
import type { Entry, Workspace } from '../../graph/workspace.ts';
import type { StaticEdit } from '../../recipe/static.ts';
import { selectEntries } from '../../select.ts';
import { findWeight, isBlocked, type Blocked, type Weight } from '../../weights/find.ts';
import { blocksAgain } from '../shared.ts';
import type { LayerPlan } from './layer-floats.ts';
import { correctBiases } from './correct.ts';
import { equalize } from './equalize.ts';
import { RULES } from './rules.ts';
import type { Factors } from './scaled-tensor.ts';
import { smooth, type Smoothing } from './smooth.ts';
import { quantizedValues, type FindRange } from './values.ts';

/** What stands at one input of a node. */
export type Operand =
  /** As it is: shapes, indices, what is left out. */
  | { readonly kind: 'plain'; readonly name: string }
  /** A value of the graph, quantized. */
  | { readonly kind: 'value'; readonly name: string }
  /** A constant in the type of the activations. */
  | { readonly kind: 'constant'; readonly weight: Weight }
  /** The layer's weight and bias. */
  | { readonly kind: 'weight' }
  | { readonly kind: 'bias' };

export interface NodePlan {
  readonly operands: readonly Operand[];
  /** The outputs that become integers, by their names in the original graph. */
  readonly outputs: readonly string[];
  readonly layer?: LayerPlan | undefined;
  /** The ai.onnx opset that its integer form came with, where that is later than the edit's. */
  readonly opset?: number | undefined;
  /** The node is gone: the one before gives its output. */
  readonly isFolded?: boolean | undefined;
}

/** A value that gets integers. */
export interface ValuePlan {
  readonly name: string;
  /** Where its range is taken from: its own name, or that of the Relu's output behind it. */
  readonly rangeOf: string;
  /** Known without calibration: Softmax. */
  readonly range?: Range | undefined;
  /** Has scale and zero point of this other value. */
  readonly like?: string | undefined;
  /** How its range follows from the channels of the original value along an axis, where it is rescaled. */
  readonly rescaled?:
    { readonly axis: number; readonly factors: Factors; readonly find: FindRange } | undefined;
}

export interface StaticPlan {
  readonly nodes: ReadonlyMap<Entry, NodePlan>;
  /** Why the others that were selected stay as they are. */
  readonly reasons: ReadonlyMap<Entry, string>;
  readonly values: ReadonlyMap<string, ValuePlan>;
  /** Original name of an output → the name under which its node gives it now, since what came behind is folded. */
  readonly renamed: ReadonlyMap<string, string>;
  /** By the layers that take a value that is smoothed: how it is made. */
  readonly smoothings: ReadonlyMap<Entry, Smoothing>;
}

/** The plan of one edit, made once. */
export function staticPlan(context: StepContext, edit: StaticEdit): StaticPlan {
  const key = `static\0${context.edit}`;
  const known = context.made.get(key) as { readonly of: StaticEdit; readonly plan: StaticPlan } | undefined;
  if (known?.of === edit) return known.plan;
  const plan = new Planner(context, edit);
  context.made.set(key, { of: edit, plan });
  return plan;
}

/** No score before a Softmax is as small: masks in use begin at 1e4. */
const MASK = 1000;

export class Planner implements StaticPlan {
  readonly nodes = new Map<Entry, NodePlan>();
  readonly reasons = new Map<Entry, string>();
  readonly values = new Map<string, ValuePlan>();
  readonly renamed = new Map<string, string>();
  readonly smoothings = new Map<Entry, Smoothing>();
  readonly edit: StaticEdit;
  readonly ws: Workspace;
  readonly context: StepContext;
  private readonly earlier: ReadonlyMap<string, unknown>;
  private readonly typeOf: (name: string) => number | undefined;

  constructor(context: StepContext, edit: StaticEdit) {
    this.context = context;
    this.ws = context.ws;
    this.edit = edit;
    this.earlier = quantizedValues(context).values;
    const analysis = analyze(context.ws.model);
    this.typeOf = (name) => analysis.elemTypeOf(name);
    const entries = new Set(selectEntries(context.ws, edit).entries);
    const order = inOrder(context.ws, entries);
    // again while nodes join: what one of them takes may be quantized for another one behind it
    for (let before = -1; this.nodes.size > before;) {
      before = this.nodes.size;
      for (const entry of order) if (!this.nodes.has(entry)) this.add(entry);
    }
    if (edit.equalize === true) equalize(this);
    if (edit.smoothQuant !== undefined) smooth(this, edit.smoothQuant);
    if (edit.biasCorrection === true) correctBiases(this);
    this.leaveFloatResults();
  }

  private add(entry: Entry): void {
    const plan = this.planFor(entry);
    if (isBlocked(plan)) {
      this.reasons.set(entry, plan.reason);
    } else {
      this.reasons.delete(entry);
      this.nodes.set(entry, plan);
    }
  }

  private planFor(entry: Entry): NodePlan | Blocked {
    const reason = this.blocks(entry);
    if (reason !== undefined) return { reason };
    const [node = entry.original] = entry.nodes;
    const rule = RULES.get(entry.original.opType);
    return rule === undefined ? { reason: `no rule for ${entry.original.opType}` } : rule(this, entry, node);
  }

  private blocks(entry: Entry): string | undefined {
    const { scope, nodes, original } = entry;
    const again = blocksAgain(entry);
    if (again !== undefined) return again;
    if (scope !== this.ws.main) return 'it is inside a subgraph, whose values calibration does not see';
    const isOwn = nodes.length === 1 && original.outputs.every((name, i) => nodes[0]?.outputs[i] === name);
    if (!isOwn) return 'an earlier edit has changed it';
    return blocksOpset(this.ws, neededOpset(this.edit));
  }

  /** Why a value cannot get integers; undefined where it can, or has them. */
  blocksValue(name: string, label: string): string | undefined {
    if (name === '') return `${label} is left out`;
    const binding = this.ws.resolve(this.ws.main, name);
    if (binding.kind === 'constant') return `${label} "${name}" is constant`;
    if (binding.kind === 'produced' && binding.entry.original.opType === 'DequantizeLinear') {
      return `already quantized: ${label} comes from DequantizeLinear "${binding.entry.id}"`;
    }
    const type = this.typeOf(name);
    if (type === undefined) return `the type of ${label} "${name}" is not known`;
    return type === DataType.float ? undefined : `${label} "${name}" is not float32`;
  }

  /** Whether calibration saw -∞ or a number in its place, as attention masks add them (-10,000, the least float, …). */
  isMasked(name: string): boolean {
    const { nonFinite = 0, min = 0 } = this.context.calibration?.statistics(name) ?? {};
    return nonFinite > 0 || min <= -MASK;
  }

  isQuantized(name: string): boolean {
    return this.values.has(name) || this.earlier.has(name);
  }

  /** Gives a value integers of its own range, or those of the value it is like. */
  mark(name: string, settings: Pick<ValuePlan, 'like'> = {}): void {
    if (this.isQuantized(name)) return;
    const giver = this.ws.main.producers.get(name)?.original.opType;
    const range = giver === 'Softmax' ? { range: { min: 0, max: 1 } } : {};
    this.values.set(name, { name, rangeOf: name, ...range, ...settings });
  }

  /** Lets the node that gives `from`, which nothing else uses, give `to` instead. */
  rename(from: string, to: string): void {
    this.values.delete(from);
    for (const [first, last] of this.renamed) if (last === from) this.renamed.set(first, to);
    this.renamed.set(from, to);
  }

  /** The planned node that gives a value. */
  giver(name: string): { readonly entry: Entry; readonly plan: NodePlan } | undefined {
    for (const [entry, plan] of this.nodes) {
      if (plan.outputs.some((o) => (this.renamed.get(o) ?? o) === name)) return { entry, plan };
    }
    return undefined;
  }

  /** Whether one node only takes the value, and the graph does not give it out. */
  hasOneUse(name: string): boolean {
    return this.ws.uses(this.ws.main, name).length === 1 && !this.ws.isGraphOutput(this.ws.main, name);
  }

  setRange(name: string, rangeOf: string): void {
    const value = this.values.get(name);
    if (value !== undefined) this.values.set(name, { ...value, rangeOf });
  }

  weight(entry: Entry, input: number, label: string): Weight | Blocked {
    return findWeight(this.ws, entry, input, label, [DataType.float]);
  }

  /** A MatMul or Gemm can give float32 from integers: rounding what only float operators take would lose for nothing. */
  private leaveFloatResults(): void {
    if (this.edit.format === 'qoperator') return;
    const taken = new Set<string>();
    for (const { operands } of this.nodes.values()) {
      for (const operand of operands) if (operand.kind === 'value') taken.add(operand.name);
    }
    const likes = new Set([...this.values.values()].map((v) => v.like));
    for (const [entry, plan] of this.nodes) {
      if (!GIVES_FLOAT.has(entry.original.opType)) continue;
      const outputs = plan.outputs.filter((o) => {
        const name = this.renamed.get(o) ?? o;
        const isFree = name === o && !taken.has(o) && !likes.has(o) && !this.earlier.has(o);
        if (isFree) this.values.delete(o);
        return !isFree;
      });
      this.nodes.set(entry, { ...plan, outputs });
    }
  }
}

const GIVES_FLOAT: ReadonlySet<string> = new Set(['MatMul', 'Gemm']);

/** QuantizeLinear came with opset 10, but older operators are fused from 11 on only; its `axis` came with 13. */
export function neededOpset({ granularity }: StaticEdit): number {
  return granularity === 'per-channel' ? 13 : 11;
}

/** The entries of the main graph in an order in which each comes behind those that it takes values from. */
function inOrder(ws: Workspace, entries: ReadonlySet<Entry>): Entry[] {
  const order: Entry[] = [];
  const seen = new Set<Entry>();
  const visit = (first: Entry): void => {
    const stack = [{ entry: first, isReady: false }];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      const { entry, isReady } = top;
      if (isReady) order.push(entry);
      if (isReady || seen.has(entry)) continue;
      seen.add(entry);
      stack.push({ entry, isReady: true });
      for (const name of entry.original.inputs) {
        const producer = entry.scope.producers.get(name);
        if (producer !== undefined && !seen.has(producer)) stack.push({ entry: producer, isReady: false });
      }
    }
  };
  for (const entry of ws.main.entries) visit(entry);
  const elsewhere = [...entries].filter((e) => e.scope !== ws.main);
  return [...order.filter((e) => entries.has(e)), ...elsewhere];
}
