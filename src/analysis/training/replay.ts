/**
 * One step of training, replayed: forward, then backward from the last node to the first, each tensor alive from the
 * step that makes it to the last that needs it. With checkpointing (Chen et al. 2016, "Training Deep Nets with
 * Sublinear Memory Cost") the graph is cut into segments: only what crosses a cut is kept through forward, and each
 * segment but the last is computed again before its backward.
 */
import type { Value } from '../memory/values.ts';
import type { GradientFlow } from './flow.ts';
import type { TrainedNode } from './graph.ts';

export interface TrainingStep {
  /** Highest sum of the tensors that are kept for backward. */
  readonly keptBytes: number;
  /** Highest sum of all activations and their gradients. */
  readonly peakBytes: number;
}

export interface StepInput {
  readonly inputs: readonly Value[];
  readonly outputs: readonly (Value | undefined)[];
  readonly flow: GradientFlow;
  /** Segment of each node; 0 for all without checkpointing. Never falls. */
  readonly segmentOf: readonly number[];
  readonly bytesOf: (value: Value) => number;
  /** What each node saves beside values of the graph, in bytes. */
  readonly extraBytes: ReadonlyMap<TrainedNode, number>;
}

export function replayStep(input: StepInput): TrainingStep {
  return new Replay(input).run();
}

/** Of a value and all views of it: the node that makes it (−1 for an input), and those that read it. */
interface Uses {
  readonly producer: number;
  readonly readers: number[];
}

class Replay {
  private readonly of: StepInput;
  private readonly clock: Clock;
  private readonly indexOf: ReadonlyMap<TrainedNode, number>;
  private readonly all: Sweep;
  private readonly kept: Sweep;

  constructor(of: StepInput) {
    this.of = of;
    this.clock = new Clock(of.segmentOf);
    this.indexOf = new Map(of.flow.nodes.map((n, i) => [n, i]));
    this.all = new Sweep(this.clock.steps);
    this.kept = new Sweep(this.clock.steps);
  }

  run(): TrainingStep {
    const outputs = new Set(this.of.outputs.map((v) => v && this.of.flow.rootOf(v)));
    for (const [value, uses] of this.uses()) {
      const bytes = this.of.bytesOf(value);
      if (!(bytes > 0)) continue;
      if (uses.producer < 0) this.input(value, bytes);
      else this.produced(value, uses, bytes, outputs.has(value));
    }
    for (const [node, bytes] of this.of.extraBytes) {
      const i = this.indexOf.get(node) ?? 0;
      this.keep(this.clock.computed(i), this.clock.backward(i), bytes);
    }
    return { keptBytes: this.kept.peak(), peakBytes: this.all.peak() };
  }

  private uses(): Map<Value, Uses> {
    const { inputs, flow } = this.of;
    const uses = new Map<Value, Uses>(inputs.map((v) => [v, { producer: -1, readers: [] }]));
    flow.nodes.forEach((n, i) => {
      const captured = n.source.bodies.flatMap((b) => b.block.captured);
      for (const v of [...n.inputs, ...captured]) if (v) uses.get(flow.rootOf(v))?.readers.push(i);
      for (const v of n.outputs)
        if (v && flow.rootOf(v) === v && v.kind === 'produced') uses.set(v, { producer: i, readers: [] });
    });
    return uses;
  }

  /** The caller holds it all the time. */
  private input(value: Value, bytes: number): void {
    const last = this.clock.steps - 1;
    if (this.of.flow.keptFor.has(value)) this.keep(0, last, bytes);
    else this.all.add(0, last, bytes);
  }

  private produced(value: Value, { producer, readers }: Uses, bytes: number, isOutput: boolean): void {
    const { clock } = this;
    const { flow } = this.of;
    const segment = clock.segment(producer);
    const needs = (flow.keptFor.get(value) ?? []).map((n) => this.indexOf.get(n) ?? 0);
    const later = [...readers, ...needs].filter((i) => clock.segment(i) > segment);
    const lastRead = Math.max(clock.forward(producer), ...readers.map((i) => clock.forward(i)));
    const own = needs.filter((i) => clock.segment(i) === segment);
    const neededUntil = Math.max(-1, ...own.map((i) => clock.backward(i)));
    const born = clock.computed(producer);
    if (later.length > 0) {
      // crosses a cut: kept until the first segment that reads it is done
      const until = Math.max(...later.map((i) => clock.segmentEnd(clock.segment(i))));
      this.keep(clock.forward(producer), until, bytes);
      if (neededUntil > until) this.keep(Math.max(born, until + 1), neededUntil, bytes);
    } else {
      if (clock.isComputedTwice(producer)) this.all.add(clock.forward(producer), lastRead, bytes);
      const ownReads = readers.map((i) => clock.computed(i));
      if (neededUntil >= 0) this.keep(born, neededUntil, bytes);
      else this.all.add(born, Math.max(born, isOutput ? clock.firstBackward : born, ...ownReads), bytes);
    }
    if (flow.hasGradient.has(value)) this.gradient(producer, readers, bytes, isOutput);
  }

  /** From the backward of its last reader to that of its producer; an output's from the loss on. */
  private gradient(producer: number, readers: readonly number[], bytes: number, isOutput: boolean): void {
    const { clock } = this;
    const made = Math.min(...readers.map((i) => clock.backward(i)), clock.backward(producer));
    this.all.add(isOutput ? clock.firstBackward : made, clock.backward(producer), bytes);
  }

  private keep(from: number, to: number, bytes: number): void {
    this.kept.add(from, to, bytes);
    this.all.add(from, to, bytes);
  }
}

/** When each node runs: forward, once more where its segment is computed again, and backward. */
class Clock {
  readonly steps: number;
  readonly firstBackward: number;
  private readonly segmentOf: readonly number[];
  private readonly last: number;
  /** First node of each segment, and the end of the last. */
  private readonly bounds: number[] = [];
  /** Step at which the work on each segment begins, after forward. */
  private readonly begins: number[] = [];

  constructor(segmentOf: readonly number[]) {
    this.segmentOf = segmentOf;
    this.last = segmentOf.at(-1) ?? 0;
    for (let s = 0; s <= this.last; s++) this.bounds.push(segmentOf.indexOf(s));
    this.bounds.push(segmentOf.length);
    let at = segmentOf.length;
    for (let s = this.last; s >= 0; s--) {
      this.begins[s] = at;
      at += (s === this.last ? 1 : 2) * this.size(s);
    }
    this.steps = Math.max(1, at);
    this.firstBackward = Math.min(segmentOf.length, this.steps - 1);
  }

  segment(node: number): number {
    return this.segmentOf[node] ?? 0;
  }

  forward(node: number): number {
    return node;
  }

  isComputedTwice(node: number): boolean {
    return this.segment(node) < this.last;
  }

  /** Of which backward uses the result. */
  computed(node: number): number {
    if (!this.isComputedTwice(node)) return node;
    const s = this.segment(node);
    return (this.begins[s] ?? 0) + node - (this.bounds[s] ?? 0);
  }

  backward(node: number): number {
    return this.segmentEnd(this.segment(node)) - (node - (this.bounds[this.segment(node)] ?? 0));
  }

  /** Last step of the work on a segment: the backward of its first node. */
  segmentEnd(s: number): number {
    return (this.begins[s] ?? 0) + (s === this.last ? 1 : 2) * this.size(s) - 1;
  }

  private size(s: number): number {
    return (this.bounds[s + 1] ?? 0) - (this.bounds[s] ?? 0);
  }
}

/** Bytes over steps, as changes. */
class Sweep {
  private readonly change: Float64Array;

  constructor(steps: number) {
    this.change = new Float64Array(steps + 1);
  }

  /** Alive at the steps `from` to `to`, both included. */
  add(from: number, to: number, bytes: number): void {
    this.change[from] = (this.change[from] ?? 0) + bytes;
    this.change[to + 1] = (this.change[to + 1] ?? 0) - bytes;
  }

  peak(): number {
    let [bytes, peak] = [0, 0];
    for (const change of this.change) {
      bytes += change;
      peak = Math.max(peak, bytes);
    }
    return peak;
  }
}
