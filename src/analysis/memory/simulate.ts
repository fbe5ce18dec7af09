/**
 * One run of a graph in ONNX Runtime's CPU arena, replayed: outputs, scratch space and their release in the order
 * the kernels ask for them. What it finds is what the profile of the first run calls `mem_in_use_peak`; on demand also
 * what it is from the second run on, when the memory pattern holds.
 */
import { Arena } from './arena.ts';
import { roundUp } from './arena.ts';
import type { Chunk } from './arena.ts';
import type { Scratch, ScratchItem } from './kernels/kernel.ts';
import { runBodies } from './run-bodies.ts';
import type { BodyRun } from './run-bodies.ts';
import { MemoryPattern } from './memory-pattern.ts';
import type { Buffer, BufferLists, StepPlan } from './plan.ts';
import type { Runtime, RuntimeBlock, RuntimeNode } from './runtime.ts';
import type { Sizes } from './sizes.ts';
import type { Value } from './values.ts';

export interface Simulation {
  /** Highest sum of what is in use: weights in the arena, activations, scratch space, rounding. */
  readonly peakBytes: number;
  /** At the step of the peak: */
  readonly activationBytes: number;
  readonly workspaceBytes: number;
  /** Scratch space of the kernels that take any. */
  readonly workspaces: ReadonlyMap<RuntimeNode, number>;
  /** `peakBytes` from the second run on. Undefined where not asked for, and with a Loop or Scan, not followed there. */
  readonly repeatedPeakBytes: number | undefined;
}

export interface SimulationOptions {
  /** Weights in the arena, beside its regions. */
  readonly reservedBytes: number;
  /** Weights in its regions, one chunk each, in bytes. */
  readonly chunks: readonly number[];
  readonly threads: number;
  readonly isRepeated?: boolean | undefined;
}

export function simulate(
  { main, bufferCount }: Pick<Runtime, 'main' | 'bufferCount'>,
  sizes: Sizes,
  options: SimulationOptions,
): Simulation {
  const { isRepeated = false } = options;
  const run = new Run(sizes, bufferCount, options.threads, isRepeated || hasLoop(main));
  run.arena.reserve(options.reservedBytes);
  for (const bytes of options.chunks) run.arena.allocate(bytes);
  run.block(main);
  const { arena, atPeak } = run;
  const first = { peakBytes: arena.peakBytes, workspaces: run.workspaces, ...atPeak };
  if (isRepeated) run.again(main);
  return { ...first, repeatedPeakBytes: isRepeated ? arena.peakBytes : undefined };
}

/** One graph's memory: traced as it runs first, laid out in the pattern's block from then on. */
interface Frame {
  readonly pattern: MemoryPattern;
  readonly isPlanned: boolean;
}

/** Where what a body gives is to lie: in a buffer of the graph around it. */
interface Room {
  readonly outer: Buffer;
  readonly frame: Frame | undefined;
}

const nothingPlanned: StepPlan = { outputs: [], allocated: [], freed: [] };

function hasLoop({ nodes }: RuntimeBlock): boolean {
  return nodes.some((n) => n.bodies.some(({ block }) => n.opType !== 'If' || hasLoop(block)));
}

class Run implements BodyRun {
  readonly arena = new Arena();
  atPeak: Pick<Simulation, 'activationBytes' | 'workspaceBytes'> = { activationBytes: 0, workspaceBytes: 0 };
  readonly workspaces = new Map<RuntimeNode, number>();
  readonly sizes: Sizes;
  private readonly threads: number;
  /** By buffer: its chunk; null where it takes none, undefined while it does not exist. */
  private readonly held: (Chunk | null | undefined)[];
  private requested = 0;
  /** Of each graph that ran; undefined where none runs again. */
  private readonly frames: Map<RuntimeBlock, Frame> | undefined;
  /** Of the graph that runs. */
  private frame: Frame | undefined;
  /** By the body's buffer; made once the body makes its own. */
  private readonly rooms = new Map<number, Room>();

  constructor(sizes: Sizes, bufferCount: number, threads: number, isTraced: boolean) {
    this.sizes = sizes;
    this.held = Array<Chunk | null | undefined>(bufferCount).fill(undefined);
    this.threads = threads;
    this.frames = isTraced ? new Map() : undefined;
  }

  /** Once more, with the patterns of the run before, whose outputs the caller has let go of. */
  again(main: RuntimeBlock): void {
    for (const chunk of this.held) if (chunk) this.arena.free(chunk);
    this.held.fill(undefined);
    this.block(main);
  }

  block(block: RuntimeBlock): void {
    if (this.frames === undefined) {
      this.steps(block);
      return;
    }
    const around = this.frame;
    const { pattern = new MemoryPattern() } = this.frames.get(block) ?? {};
    this.frame = { pattern, isPlanned: this.frames.has(block) };
    this.frames.set(block, this.frame);
    const planned = this.frame.isPlanned ? this.arena.allocate(pattern.bytes) : undefined;
    this.steps(block);
    this.arena.free(planned);
    this.frame = around;
  }

  private steps(block: RuntimeBlock): void {
    const { isPlain } = block;
    const { allocated, freed } = block.plan;
    // plain loops, which leave the objects of plain nodes alone: this runs for the whole model at each move of a slider
    for (let i = 0; i < isPlain.length; i++) {
      if (isPlain[i] === 1) this.allocateAt(allocated, i);
      else this.special(block, i);
      const end = freed.start[i + 1] ?? 0;
      for (let k = freed.start[i] ?? 0; k < end; k++) this.free(freed.buffer[k] ?? 0, freed.slot[k] ?? 0);
    }
  }

  private allocateAt(lists: BufferLists, step: number): void {
    const end = lists.start[step + 1] ?? 0;
    for (let k = lists.start[step] ?? 0; k < end; k++) {
      if (lists.isOutput[k] === 1) this.makeRoom(lists.buffer[k] ?? 0);
      if (!this.isInPattern(lists, k)) this.allocate(lists.buffer[k] ?? 0, lists.slot[k] ?? 0);
    }
  }

  private special({ nodes, plan }: RuntimeBlock, step: number): void {
    const node = nodes[step];
    if (node === undefined) return;
    if (node.bodies.length > 0) runBodies(this, node, plan.steps[step] ?? nothingPlanned);
    else if (node.scratch) this.withScratch(node, node.scratch, () => this.allocateAt(plan.allocated, step));
    else this.allocateAt(plan.allocated, step);
  }

  private isInPattern({ buffer, slot, isOutput }: BufferLists, k: number): boolean {
    return isOutput[k] === 0 && this.isPlaced(buffer[k] ?? 0, slot[k] ?? 0);
  }

  /** Whether the memory is there already; if not, it is traced. */
  private isPlaced(buffer: number, slot: number): boolean {
    if (this.frame?.isPlanned === false && this.held[buffer] === undefined)
      this.frame.pattern.allocate(buffer, roundUp(this.sizes.known[slot] ?? 0));
    return this.frame?.isPlanned === true;
  }

  allocateOutput({ index, first, isOutput }: Buffer): void {
    if (isOutput) this.makeRoom(index);
    if (isOutput || !this.isPlaced(index, first.slot)) this.allocate(index, first.slot);
  }

  layIn(outer: Buffer, inner: Buffer): void {
    this.rooms.set(inner.index, { outer, frame: this.frame });
  }

  makeRoom(inner: number): void {
    const room = this.rooms.get(inner);
    if (room === undefined) return;
    this.rooms.delete(inner);
    const { frame } = this;
    this.frame = room.frame;
    this.allocateOutput(room.outer);
    this.frame = frame;
    this.held[inner] = null;
  }

  handOut(buffer: Buffer): Chunk | undefined {
    const chunk = this.held[buffer.index] ?? undefined;
    this.held[buffer.index] = undefined;
    if (chunk) this.requested -= this.sizes.known[buffer.first.slot] ?? 0;
    return chunk;
  }

  private allocate(buffer: number, slot: number): void {
    // null: its memory is there already
    if (this.held[buffer] === undefined) this.held[buffer] = this.take(this.sizes.known[slot] ?? 0) ?? null;
  }

  private free(buffer: number, slot: number): void {
    const chunk = this.held[buffer];
    this.held[buffer] = undefined;
    this.frame?.pattern.free(buffer);
    if (!chunk) return;
    this.arena.free(chunk);
    this.requested -= this.sizes.known[slot] ?? 0;
  }

  private take(bytes: number): Chunk | undefined {
    const before = this.arena.peakBytes;
    const chunk = this.arena.allocate(bytes);
    if (chunk) this.requested += bytes;
    if (this.arena.peakBytes > before) this.atPeak = { activationBytes: this.requested, workspaceBytes: 0 };
    return chunk;
  }

  private withScratch(node: RuntimeNode, scratch: Scratch, allocateOutputs: () => void): void {
    const { sizes } = this;
    const wanted = scratch({
      node,
      threads: this.threads,
      inputDims: (i) => sizes.dims(node.inputs[i]) ?? [],
      outputDims: (i) => sizes.dims(node.outputs[i]) ?? [],
      inputBytes: (i) => this.bytesOf(node.inputs[i]),
      outputBytes: (i) => this.bytesOf(node.outputs[i]),
    });
    const giveBack: (() => void)[] = [];
    let workspaceBytes = 0;
    const take = (items: readonly ScratchItem[]) => {
      for (const item of items) {
        const bytes = bytesOfScratch(item);
        if (!(bytes > 0)) continue;
        workspaceBytes += bytes;
        giveBack.push(this.takeScratch(item, bytes));
      }
    };
    const before = this.arena.peakBytes;
    take(wanted.filter(isEarly));
    allocateOutputs();
    take(wanted.filter((item) => !isEarly(item)));
    if (this.arena.peakBytes > before) this.atPeak = { activationBytes: this.requested, workspaceBytes };
    if (workspaceBytes > 0) this.workspaces.set(node, workspaceBytes);
    for (const give of giveBack) give();
  }

  private takeScratch(item: ScratchItem, bytes: number): () => void {
    if (typeof item !== 'number' && 'reserved' in item) {
      this.arena.reserve(bytes);
      return () => this.arena.release(bytes);
    }
    const chunk = this.arena.allocate(bytes);
    return () => this.arena.free(chunk);
  }

  private bytesOf(value: Value | undefined): number {
    return value ? this.sizes.knownBytes(value) : 0;
  }
}

function isEarly(item: ScratchItem): boolean {
  return typeof item !== 'number' && 'early' in item;
}

function bytesOfScratch(item: ScratchItem): number {
  if (typeof item === 'number') return item;
  return 'reserved' in item ? item.reserved : item.early;
}
