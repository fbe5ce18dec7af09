/** Bytes of activations alive at each step: the buffers of the plan, without the arena's rounding. */
import type { MemoryTimeline } from '../types.ts';
import { rememberSizes, tensorsAt } from './lifetimes.ts';
import type { BufferLists } from './plan.ts';
import type { RuntimeBlock, RuntimeNode } from './runtime.ts';
import type { Sizes } from './sizes.ts';
import type { Value } from './values.ts';

export interface Timeline extends MemoryTimeline {
  /** Step of each node of the model, by its index; −1 where it does not run. */
  readonly stepOf: Int32Array;
}

/**
 * The steps of all graphs in a row, subgraphs after the node that holds them: what is alive there is alive beneath,
 * too. Made once per level; only the sizes change with the dims.
 */
interface Script {
  readonly nodes: readonly string[];
  readonly kernels: readonly RuntimeNode[];
  readonly stepOf: Int32Array;
  readonly stretches: readonly Stretch[];
}

/** Steps of one graph that follow each other without a subgraph in between. */
interface Stretch {
  readonly first: number;
  readonly count: number;
  /** Place of its first step in the graph's lists. */
  readonly offset: number;
  readonly allocated: BufferLists;
  readonly freed: BufferLists;
  /** The holder of the graph counts its outputs, as an If does with those of its branches. */
  readonly outputsAreCounted: boolean;
  /** The stretch of the same graph before this one; undefined at its beginning. */
  readonly before: number | undefined;
  /** The step of the node that holds the graph; undefined for the main graph. */
  readonly holder: number | undefined;
}

const scripts = new WeakMap<RuntimeBlock, Script>();

export function timelineOf(main: RuntimeBlock, sizes: Sizes, nodeCount: number): Timeline {
  const script = scripts.get(main) ?? new ScriptWriter(nodeCount).write(main);
  scripts.set(main, script);
  const { nodes, stepOf } = script;
  const { alive, peakStep } = play(script, main.inputs, sizes);
  const timeline: Timeline = {
    aliveBytes: alive,
    nodes,
    stepOf,
    peakStep,
    peakBytes: alive[peakStep] ?? 0,
    peakTensors: tensorsAt(main, nodes.length, sizes.known, peakStep),
  };
  rememberSizes(timeline, main, sizes.known);
  return timeline;
}

/** What runs at each step of the timeline that was made of `main`. */
export function stepKernels(main: RuntimeBlock): readonly RuntimeNode[] {
  return scripts.get(main)?.kernels ?? [];
}

class ScriptWriter {
  private readonly nodes: string[] = [];
  private readonly kernels: RuntimeNode[] = [];
  private readonly stepOf: Int32Array;
  private readonly stretches: Stretch[] = [];

  constructor(nodeCount: number) {
    this.stepOf = new Int32Array(nodeCount).fill(-1);
  }

  write(main: RuntimeBlock): Script {
    this.block(main, undefined, false);
    return { nodes: this.nodes, kernels: this.kernels, stepOf: this.stepOf, stretches: this.stretches };
  }

  private block(block: RuntimeBlock, holder: number | undefined, outputsAreCounted: boolean): void {
    const { allocated, freed } = block.plan;
    let before: number | undefined;
    let offset = 0;
    const close = (end: number) => {
      const count = end - offset;
      if (count === 0) return;
      const first = this.nodes.length - count;
      const stretch = { first, count, offset, allocated, freed, outputsAreCounted, before, holder };
      before = this.stretches.push(stretch) - 1;
      offset = end;
    };
    block.nodes.forEach((node, i) => {
      const step = this.nodes.push(node.source.id) - 1;
      this.kernels.push(node);
      for (const source of node.sources) this.stepOf[source.index] = step;
      if (node.bodies.length === 0) return;
      close(i + 1);
      for (const body of node.bodies) this.block(body.block, step, node.opType === 'If');
    });
    close(block.nodes.length);
  }
}

/** Plain loops over plain numbers: this runs at each move of a slider. */
function play(
  { nodes, stretches }: Script,
  inputs: readonly Value[],
  { known }: Sizes,
): { alive: number[]; peakStep: number } {
  const alive = Array<number>(nodes.length).fill(0);
  const left: number[] = []; // what each stretch leaves alive
  const inputBytes = inputs.reduce((sum, v) => sum + (known[v.slot] ?? 0), 0);
  let peakStep = 0;
  for (const s of stretches) {
    const start = s.before ?? -1;
    let bytes = left[start] ?? (s.holder === undefined ? inputBytes : (alive[s.holder] ?? 0));
    for (let i = 0; i < s.count; i++) {
      bytes += sum(s.allocated, s.offset + i, known, s.outputsAreCounted);
      const step = s.first + i;
      alive[step] = bytes;
      if (bytes > (alive[peakStep] ?? 0)) peakStep = step;
      bytes -= sum(s.freed, s.offset + i, known, false);
    }
    left.push(bytes);
  }
  return { alive, peakStep };
}

function sum(lists: BufferLists, step: number, known: Float64Array, withoutOutputs: boolean): number {
  let bytes = 0;
  const end = lists.start[step + 1] ?? 0;
  for (let i = lists.start[step] ?? 0; i < end; i++)
    if (!withoutOutputs || lists.isOutput[i] === 0) bytes += known[lists.slot[i] ?? -1] ?? 0;
  return bytes;
}
