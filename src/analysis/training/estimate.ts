/**
 * What one step of training takes: weights, gradients, optimizer state, and what forward keeps for backward.
 *
 *     trainingEstimate(analyze(model), { dims: { batch: 32 }, optimizer: 'adamw', precision: 'mixed' }).peak.bytes
 *
 * The graph is trained as it is written: what an exporter folded (a BatchNorm, a Dropout) is not there, and fused
 * attention keeps less than the products it is written as. Scratch space of kernels is not counted.
 */
import { add, dimToString, evaluateDim, isUnknown, mul } from '../dim.ts';
import { internals } from '../memory/analyze.ts';
import type { Compiled } from '../memory/estimate.ts';
import { bindSymbols } from '../memory/sizes.ts';
import type { Value } from '../memory/values.ts';
import type { Analysis, Certainty, Dim } from '../types.ts';
import { gradientFlow, type GradientFlow } from './flow.ts';
import type { TrainedNode } from './graph.ts';
import { widthFactor } from './precision.ts';
import { replayStep } from './replay.ts';
import { segmentsOf } from './segments.ts';
import { statesOf, type States } from './states.ts';
import type { KeptTensor, TrainingEstimate, TrainingFigure, TrainingOptions } from './types.ts';

const flows = new WeakMap<Compiled, GradientFlow>();

export function trainingEstimate(analysis: Analysis, options: TrainingOptions = {}): TrainingEstimate {
  const { optimizer = 'adamw', optimizerBits = 32, precision = 'float32', checkpointing = 'none' } = options;
  const compiled = internals(analysis).variantAt(options.dims);
  const flow = flows.get(compiled) ?? gradientFlow(compiled.program);
  flows.set(compiled, flow);
  const { dims } = bindSymbols(compiled.inference, options.dims ?? {});
  const sizes = new TrainingSizes(flow, dims, precision);
  const states = statesOf(flow, { optimizer, optimizerBits, precision });
  const { nodes } = flow;
  const keptBytes = nodes.map((n) => sizes.keptBy(n));
  const bytesOf = (v: Value) => sizes.bytesOf(v);
  const segmentOf = segmentsOf({ nodes, keptBytes, rootOf: (v) => flow.rootOf(v), bytesOf }, checkpointing);
  const step = replayStep({ ...compiled.program.main, flow, segmentOf, bytesOf, extraBytes: sizes.extras });
  const segments = (segmentOf.at(-1) ?? 0) + 1;
  const unknown = [...flow.unknown, ...sizes.unknown];
  const kept = segments === 1 ? sizes.kept() : [];
  return {
    dims: chosen(analysis, dims),
    optimizer,
    optimizerBits,
    precision,
    segments,
    ...states,
    ...activationFigures(step, segments === 1 ? sizes.formula() : undefined, unknown.length),
    peak: peakOf(states, step.peakBytes, unknown.length),
    kept,
    keptByOperator: byOperator(kept),
    unknown,
  };
}

function activationFigures(
  step: { readonly keptBytes: number; readonly peakBytes: number },
  formula: string | undefined,
  unknownCount: number,
): Pick<TrainingEstimate, 'activations' | 'transient'> {
  const [certainty, note]: [Certainty, string | undefined] =
    unknownCount > 0 ? ['atLeast', `${unknownCount} nodes are not in it`] : ['estimate', undefined];
  return {
    activations: { bytes: step.keptBytes, certainty, note, formula },
    transient: { bytes: step.peakBytes - step.keptBytes, certainty, note, formula: undefined },
  };
}

function peakOf(states: States, dynamicBytes: number, unknownCount: number): TrainingFigure {
  const fixed = [states.weights, states.gradients, states.optimizerState, states.masterWeights];
  return {
    bytes: fixed.reduce((sum, f) => sum + (f.bytes ?? 0), dynamicBytes),
    certainty: unknownCount > 0 ? 'atLeast' : 'estimate',
    note: 'all of the above; scratch space and what the framework itself takes are not in it',
    formula: undefined,
  };
}

function chosen(analysis: Analysis, all: Readonly<Record<string, number>>): Record<string, number> {
  const names = analysis.symbols.filter((s) => !s.isDerived).map((s) => s.name);
  return Object.fromEntries(names.map((name) => [name, all[name] ?? 0]));
}

/** Bytes of values at one set of dims and one precision. */
class TrainingSizes {
  readonly extras = new Map<TrainedNode, number>();
  readonly unknown: { node: string; reason: string }[] = [];
  private readonly flow: GradientFlow;
  private readonly dims: Readonly<Record<string, number>>;
  private readonly width: (v: Value) => number;
  private readonly ofValue = new Map<Value, number>();

  constructor(flow: GradientFlow, dims: Readonly<Record<string, number>>, precision: 'float32' | 'mixed') {
    this.flow = flow;
    this.dims = dims;
    this.width = widthFactor(precision);
    for (const { node, bytes } of flow.extras) {
      const known = this.evaluate(bytes);
      if (known === undefined) this.missing(node.source.id, bytes);
      else this.extras.set(node, known);
    }
    for (const value of flow.keptFor.keys()) this.addKept(value);
  }

  /** 0 where it is not known; `unknown` says so of what is kept. */
  bytesOf(value: Value): number {
    return this.evaluate(value.bytes) === undefined ? 0 : (this.evaluate(this.formulaOf(value)) ?? 0);
  }

  /** What is kept of a node's outputs and beside them. */
  keptBy(n: TrainedNode): number {
    const made = n.outputs.reduce((sum, v) => sum + ((v && this.ofValue.get(v)) ?? 0), 0);
    return made + (this.extras.get(n) ?? 0);
  }

  kept(): KeptTensor[] {
    const tensors = [...this.flow.keptFor].flatMap(([value, [first]]): KeptTensor[] => {
      if (first === undefined) return [];
      const { name, producer } = value;
      const keptFor = { keptFor: first.source.id, opType: first.opType };
      return [{ name, bytes: this.bytesOf(value), producer: producer?.id, ...keptFor }];
    });
    const extras = [...this.extras].map(([{ source, opType, outputs }, bytes]): KeptTensor => ({
      name: `${outputs[0]?.name ?? source.id} (saved beside)`,
      bytes,
      producer: source.id,
      keptFor: source.id,
      opType,
    }));
    return [...tensors, ...extras].filter((t) => t.bytes > 0).sort((a, b) => b.bytes - a.bytes);
  }

  /** Of all that is kept; undefined where it is too long to tell anything, or unknown. */
  formula(): string | undefined {
    const kept = [...this.flow.keptFor.keys()].map((v) => this.formulaOf(v));
    const all = add(...kept, ...this.flow.extras.map((e) => e.bytes));
    return isUnknown(all) ? undefined : dimToString(all);
  }

  private addKept(value: Value): void {
    const bytes = this.evaluate(this.formulaOf(value));
    if (bytes === undefined) this.missing(value.producer?.id ?? value.name, value.bytes);
    else this.ofValue.set(value, bytes);
  }

  private formulaOf(value: Value): Dim {
    return mul(value.bytes, this.width(value));
  }

  private evaluate(dim: Dim): number | undefined {
    return evaluateDim(dim, this.dims);
  }

  private missing(node: string, dim: Dim): void {
    this.unknown.push({ node, reason: isUnknown(dim) ? dim.reason : 'its size is only known when it runs' });
  }
}

function byOperator(kept: readonly KeptTensor[]): TrainingEstimate['keptByOperator'] {
  const totals = new Map<string, { opType: string; bytes: number; count: number }>();
  for (const { opType, bytes } of kept) {
    const total = totals.get(opType) ?? { opType, bytes: 0, count: 0 };
    total.bytes += bytes;
    total.count++;
    totals.set(opType, total);
  }
  return [...totals.values()].sort((a, b) => b.bytes - a.bytes);
}
