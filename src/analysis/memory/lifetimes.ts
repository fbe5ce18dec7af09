/**
 * Every tensor with the steps at which it is alive, on the same count as the timeline: at each step the bytes of the
 * tensors alive there add up to `MemoryTimeline.aliveBytes`. A tensor whose buffer another one takes over ends at the
 * step before, as the buffer is counted once.
 */
import type { AliveTensor, MemoryTimeline } from '../types.ts';
import type { Buffer } from './plan.ts';
import type { RuntimeBlock } from './runtime.ts';
import type { Value } from './values.ts';

export interface TensorLifetime extends AliveTensor {
  /** Indices in `MemoryTimeline.nodes`; a graph input and a graph output live to the last step. */
  readonly firstStep: number;
  readonly lastStep: number;
}

export interface TensorLifetimes {
  /** Largest first, at equal size the earlier first. */
  readonly tensors: readonly TensorLifetime[];
  /** The smaller ones that the limit leaves out. */
  readonly leftOut: { readonly count: number; readonly bytes: number };
}

/** What a picture of a whole model can hold, and a message carry: of 10,000 nodes the largest fifth. */
const defaultLimit = 2000;

interface Span {
  readonly value: Value;
  /** Slot of the value that the buffer was made for, whose size it has. */
  readonly slot: number;
  readonly first: number;
  readonly last: number;
  /** Inputs, then buffers as they are made. */
  readonly order: number;
}

interface Source {
  readonly main: RuntimeBlock;
  readonly stepCount: number;
  /** By slot, in bytes. */
  readonly known: Float64Array;
}

const sources = new WeakMap<MemoryTimeline, Source>();
const spans = new WeakMap<RuntimeBlock, readonly Span[]>();

/** Lets the tensors of a timeline be asked for later; costs a copy of the sizes. */
export function rememberSizes(timeline: MemoryTimeline, main: RuntimeBlock, known: Float64Array): void {
  sources.set(timeline, { main, stepCount: timeline.nodes.length, known: known.slice() });
}

/** The `limit` largest tensors of an estimate's timeline (default 2,000), and what that leaves out. */
export function tensorLifetimes(timeline: MemoryTimeline, limit: number = defaultLimit): TensorLifetimes {
  const source = sources.get(timeline);
  if (source === undefined) throw new TypeError('a timeline comes from Analysis.estimate()');
  const { main, stepCount, known } = source;
  const found = spansOf(main, stepCount);
  const bytesOf = (s: Span) => known[s.slot] ?? 0;
  const sorted = found
    .filter((s) => bytesOf(s) > 0)
    .sort((a, b) => bytesOf(b) - bytesOf(a) || a.first - b.first);
  const left = sorted.slice(limit);
  return {
    tensors: sorted.slice(0, limit).map((s) => ({
      name: s.value.name,
      bytes: bytesOf(s),
      producer: s.value.producer?.id,
      firstStep: s.first,
      lastStep: s.last,
    })),
    leftOut: { count: left.length, bytes: left.reduce((sum, s) => sum + bytesOf(s), 0) },
  };
}

/** The tensors alive at one step, largest first, at equal size in the order in which their buffers were made. */
export function tensorsAt(
  main: RuntimeBlock,
  stepCount: number,
  known: Float64Array,
  step: number,
): AliveTensor[] {
  const bytesOf = (s: Span) => known[s.slot] ?? 0;
  return spansOf(main, stepCount)
    .filter((s) => s.first <= step && step <= s.last && bytesOf(s) > 0)
    .sort((a, b) => bytesOf(b) - bytesOf(a) || a.order - b.order)
    .map((s) => ({ name: s.value.name, bytes: bytesOf(s), producer: s.value.producer?.id }));
}

/** Once per level: they do not depend on the dims. */
function spansOf(main: RuntimeBlock, stepCount: number): readonly Span[] {
  const found = spans.get(main) ?? new Walk().spansOf(main, stepCount);
  spans.set(main, found);
  return found;
}

/** The plan's steps in a row, subgraphs after the node that holds them, as the timeline counts them. */
class Walk {
  private readonly spans: Span[] = [];
  private step = 0;
  private nextOrder = 0;

  spansOf(main: RuntimeBlock, stepCount: number): readonly Span[] {
    for (const v of main.inputs)
      this.spans.push({ value: v, slot: v.slot, first: 0, last: stepCount - 1, order: this.nextOrder++ });
    this.block(main, false);
    return this.spans;
  }

  private block(block: RuntimeBlock, outputsAreCounted: boolean): void {
    const open = new Map<Buffer, Pick<Span, 'value' | 'first' | 'order'>>();
    const close = (buffer: Buffer, last: number) => {
      const held = open.get(buffer);
      open.delete(buffer);
      // taken over at the step that made it: never alive by itself
      if (held && last >= held.first)
        this.spans.push({
          value: held.value,
          slot: buffer.first.slot,
          first: held.first,
          last,
          order: held.order,
        });
      return held?.order;
    };
    for (const [i, node] of block.nodes.entries()) {
      const plan = block.plan.steps[i];
      const step = this.step++;
      plan?.outputs.forEach((buffer, o) => {
        const value = node.outputs[o];
        if (!buffer || !value || (outputsAreCounted && buffer.isOutput)) return;
        const order = close(buffer, step - 1) ?? this.nextOrder++;
        open.set(buffer, { value, first: step, order });
      });
      for (const body of node.bodies) this.block(body.block, node.opType === 'If');
      for (const buffer of plan?.freed ?? []) close(buffer, this.step - 1);
    }
    for (const buffer of [...open.keys()]) close(buffer, this.step - 1);
  }
}
