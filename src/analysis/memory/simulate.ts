/**
 * One run of a graph in ONNX Runtime's CPU arena, replayed: outputs, scratch space and their release in the order
 * the kernels ask for them. What it finds is what the profile of the first run calls `mem_in_use_peak`; on demand also
 * what it is from the second run on, when the memory pattern holds.
 */
import { isUnknown } from '../dim.ts';
import { Arena } from './arena.ts';
import { roundUp } from './arena.ts';
import type { Chunk } from './arena.ts';
import type { Scratch, ScratchItem } from './kernels/kernel.ts';
import { MemoryPattern } from './memory-pattern.ts';
import type { Buffer, BufferLists } from './plan.ts';
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
  /** `peakBytes` from the second run on. Undefined where not asked for, and with subgraphs, which are not followed there. */
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
  const run = new Run(sizes, bufferCount, options);
  run.arena.reserve(options.reservedBytes);
  for (const bytes of options.chunks) run.arena.allocate(bytes);
  run.block(main);
  const { arena, atPeak } = run;
  const first = { peakBytes: arena.peakBytes, workspaces: run.workspaces, ...atPeak };
  const isRepeated = options.isRepeated === true && main.nodes.every((n) => n.bodies.length === 0);
  if (isRepeated) run.again(main);
  return { ...first, repeatedPeakBytes: isRepeated ? arena.peakBytes : undefined };
}

class Run {
  readonly arena = new Arena();
  atPeak: Pick<Simulation, 'activationBytes' | 'workspaceBytes'> = { activationBytes: 0, workspaceBytes: 0 };
  readonly workspaces = new Map<RuntimeNode, number>();
  private readonly sizes: Sizes;
  private readonly threads: number;
  /** By buffer: its chunk; null where it takes none, undefined while it does not exist. */
  private readonly held: (Chunk | null | undefined)[];
  private requested = 0;
  private readonly pattern: MemoryPattern | undefined;
  /** What is no output lies in the pattern's block. */
  private isPlanned = false;

  constructor(sizes: Sizes, bufferCount: number, { threads, isRepeated }: SimulationOptions) {
    this.sizes = sizes;
    this.held = Array<Chunk | null | undefined>(bufferCount).fill(undefined);
    this.threads = threads;
    this.pattern = isRepeated ? new MemoryPattern() : undefined;
  }

  /** Once more, with the pattern of the run before, whose outputs the caller has let go of. */
  again(main: RuntimeBlock): void {
    for (const chunk of this.held) if (chunk) this.arena.free(chunk);
    this.held.fill(undefined);
    this.arena.allocate(this.pattern?.bytes ?? 0);
    this.isPlanned = true;
    this.block(main);
  }

  block(block: RuntimeBlock): void {
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
    for (let k = lists.start[step] ?? 0; k < end; k++)
      if (!this.isInPattern(lists, k)) this.allocate(lists.buffer[k] ?? 0, lists.slot[k] ?? 0);
  }

  private special({ nodes, plan }: RuntimeBlock, step: number): void {
    const node = nodes[step];
    if (node === undefined) return;
    if (node.bodies.length > 0) this.controlFlow(node, plan.steps[step]?.allocated ?? []);
    else if (node.scratch) this.withScratch(node, node.scratch, () => this.allocateAt(plan.allocated, step));
    else this.allocateAt(plan.allocated, step);
  }

  /** Whether the memory is there already; if not, it is traced. */
  private isInPattern({ buffer, slot, isOutput }: BufferLists, k: number): boolean {
    if (this.pattern === undefined || isOutput[k] === 1) return false;
    const index = buffer[k] ?? 0;
    if (!this.isPlanned && this.held[index] === undefined)
      this.pattern.allocate(index, roundUp(this.sizes.known[slot[k] ?? 0] ?? 0));
    return this.isPlanned;
  }

  private allocate(buffer: number, slot: number): void {
    this.held[buffer] ??= this.take(this.sizes.known[slot] ?? 0) ?? null;
  }

  private free(buffer: number, slot: number): void {
    const chunk = this.held[buffer];
    this.held[buffer] = undefined;
    this.pattern?.free(buffer);
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

  private controlFlow(node: RuntimeNode, outputs: readonly Buffer[]): void {
    if (node.opType === 'If') this.branch(node, outputs);
    else this.loop(node, outputs);
  }

  /**
   * The branch that needs most. What it gives is the node's output itself: made beforehand where the size is fixed,
   * else handed over; a value from around the branch is copied.
   */
  private branch(node: RuntimeNode, outputs: readonly Buffer[]): void {
    const block = this.heaviest(node);
    const pairs = outputs.map((buffer) => {
      const value = block?.outputs[node.outputs.indexOf(buffer.first)];
      return { buffer, inner: value && block.plan.bufferOf(value) };
    });
    const ready = new Set<Buffer>();
    for (const { buffer, inner } of pairs) {
      if (!isFixed(buffer.first)) continue;
      this.allocate(buffer.index, buffer.first.slot);
      if (inner?.isOutput !== true) continue;
      this.held[inner.index] = null; // lies in the node's output
      ready.add(inner);
    }
    if (block) this.block(block);
    for (const { buffer, inner } of pairs) {
      if (inner?.isOutput === true && !ready.has(inner)) this.held[buffer.index] = this.held[inner.index];
      else this.allocate(buffer.index, buffer.first.slot);
      if (inner) this.held[inner.index] = undefined;
    }
  }

  /** The body once; what it gives in each iteration stays until the node's outputs are made of it. */
  private loop(node: RuntimeNode, outputs: readonly Buffer[]): void {
    const carried = node.opType === 'Loop' ? Math.max(0, node.inputs.length - 2) : node.outputs.length;
    for (const { block } of node.bodies) this.block(block);
    const collected = node.outputs.slice(carried).map((v) => this.take(this.bytesOf(v)));
    for (const buffer of outputs) this.allocate(buffer.index, buffer.first.slot);
    node.outputs.slice(carried).forEach((v, i) => {
      this.arena.free(collected[i]);
      if (collected[i]) this.requested -= this.bytesOf(v);
    });
    for (const { block } of node.bodies)
      for (const v of block.outputs) {
        const buffer = v && block.plan.bufferOf(v);
        if (buffer) this.free(buffer.index, buffer.first.slot);
      }
  }

  private heaviest(node: RuntimeNode): RuntimeBlock | undefined {
    let heaviest: RuntimeBlock | undefined;
    let most = -1;
    for (const { block, taken } of node.bodies) {
      const bytes = taken ? this.weightOf(block) : -1;
      if (bytes > most) [heaviest, most] = [block, bytes];
    }
    return heaviest;
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

  /** Its peak, without the arena's rounding. */
  private weightOf(block: RuntimeBlock): number {
    let bytes = 0;
    let peak = 0;
    block.nodes.forEach((node, i) => {
      const step = block.plan.steps[i];
      for (const b of step?.allocated ?? []) bytes += this.sizes.knownBytes(b.first);
      const inner = node.bodies.filter((b) => b.taken).map((b) => this.weightOf(b.block));
      peak = Math.max(peak, bytes + Math.max(0, ...inner));
      for (const b of step?.freed ?? []) bytes -= this.sizes.knownBytes(b.first);
    });
    return peak;
  }
}

function isEarly(item: ScratchItem): boolean {
  return typeof item !== 'number' && 'early' in item;
}

function bytesOfScratch(item: ScratchItem): number {
  if (typeof item === 'number') return item;
  return 'reserved' in item ? item.reserved : item.early;
}

function isFixed({ type }: Value): boolean {
  return type.kind === 'tensor' && !isUnknown(type.shape) && type.shape.every((d) => typeof d === 'number');
}
