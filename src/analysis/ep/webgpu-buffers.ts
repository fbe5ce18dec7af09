/**
 * The buffers that ONNX Runtime's WebGPU provider makes in two runs, replayed. It has no arena: a buffer is made in one
 * of a few sizes, and what is freed is kept for the next tensor of that size, as long as the session lives. Sizes and
 * limits are those of onnxruntime-node 1.30.0 (buffer_manager.cc; the table stands in its library, too), and so is the
 * reuse: compared with every buffer that Vulkan was asked for (`npm run bench:memory -- --ep webgpu`).
 */
import type { BufferLists } from '../memory/plan.ts';
import type { RuntimeBlock, RuntimeNode } from '../memory/runtime.ts';
import { channelsLastDomain } from '../memory/rewrite/patterns.ts';
import type { Sizes } from '../memory/sizes.ts';
import type { Value } from '../memory/values.ts';
import { runsOnHost, webgpuScratchBytes } from './webgpu-scratch.ts';

const KiB = 2 ** 10;
const MiB = 2 ** 20;

/** [bytes of a buffer, how many free ones are kept], smallest first. */
const sizeClasses: readonly (readonly [bytes: number, limit: number])[] = [
  ...table(1, [64, 250], [128, 200], [256, 200], [512, 200]),
  ...table(KiB, [2, 230], [4, 200], [8, 50], [16, 50], [32, 50], [64, 50], [128, 50], [256, 50], [512, 50]),
  ...table(MiB, [1, 50], [2, 30], [4, 20], [8, 10], [12, 10], [16, 10], [25, 15], [32, 22]),
  ...table(KiB, [43_200, 2], [57_600, 6]),
  ...table(MiB, [64, 6], [128, 6], [160, 6]),
];

function table(unit: number, ...rows: readonly (readonly [number, number])[]): [number, number][] {
  return rows.map(([size, limit]) => [size * unit, limit]);
}

/** What is larger than all classes is made as it is, and given back when it is free. */
const noClass = sizeClasses.length;

function classOf(tensorBytes: number): number {
  let at = 0;
  while (at < noClass && (sizeClasses[at]?.[0] ?? 0) < tensorBytes) at++;
  return at;
}

/** Of weights, which have no classes, and of what is larger than all classes. */
export function exactBufferBytes(bytes: number): number {
  return Math.ceil(bytes / 16) * 16;
}

/** Bytes of the buffer that holds a tensor of so many bytes. */
export function bufferBytes(tensorBytes: number): number {
  return sizeClasses[classOf(tensorBytes)]?.[0] ?? exactBufferBytes(tensorBytes);
}

/** Buffers in use and free ones. */
export class BufferCache {
  private readonly free = new Int32Array(noClass);
  private readonly used = new Int32Array(noClass);
  private bytes = 0;
  /** Of buffers beyond the number that is kept, given back since kernels were last handed to the device. */
  private goneBytes = 0;
  /** What was so at the end of the run before: the device gives it back when it is handed the next kernels. */
  private lingeringBytes = 0;
  /** Highest sum of all. */
  peakBytes = 0;
  /** Of the first run's in buffers that share blocks of memory. */
  sharingBytes = 0;
  private isFirst = true;

  take(tensorBytes: number): void {
    if (!(tensorBytes > 0)) return;
    const at = classOf(tensorBytes);
    const free = this.free[at] ?? 0;
    this.use(at, 1);
    if (free > 0) {
      this.free[at] = free - 1;
      return;
    }
    const bytes = bufferBytes(tensorBytes);
    this.bytes += bytes;
    this.peakBytes = Math.max(this.peakBytes, this.bytes + this.lingeringBytes);
    if (bytes < sharedBelow && this.isFirst) this.sharingBytes += bytes;
  }

  release(tensorBytes: number): void {
    if (!(tensorBytes > 0)) return;
    const at = classOf(tensorBytes);
    this.use(at, -1);
    this.giveBack(at, 1, bufferBytes(tensorBytes));
  }

  /** Kernels were handed to the device: what is not kept is given back. */
  handOver(): void {
    this.goneBytes = 0;
    this.lingeringBytes = 0;
  }

  /** The run is over: nothing is in use any more. */
  endRun(): void {
    for (const [at, [bytes]] of sizeClasses.entries()) this.giveBack(at, this.used[at] ?? 0, bytes);
    this.used.fill(0);
    this.lingeringBytes = this.goneBytes;
    this.goneBytes = 0;
    this.isFirst = false;
  }

  private use(at: number, count: number): void {
    if (at < noClass) this.used[at] = (this.used[at] ?? 0) + count;
  }

  private giveBack(at: number, count: number, bytes: number): void {
    const free = this.free[at] ?? 0;
    const kept = Math.min(count, (sizeClasses[at]?.[1] ?? 0) - free);
    if (at < noClass) this.free[at] = free + kept;
    this.bytes -= (count - kept) * bytes;
    this.goneBytes += (count - kept) * bytes;
  }
}

/** Bytes that a session takes of the device beside weights as stored. */
export interface DeviceBuffers {
  /** For inputs, outputs, all between them and what kernels ask for; free ones included. */
  readonly tensorBytes: number;
  /** In all at the highest: these, what else there is of weights, staging and the rest of blocks. */
  readonly peakBytes: number;
}

/** At the highest: while the first kernels run, between host and device in a later run, or where the outputs are read. */
export function deviceBuffers(main: RuntimeBlock, sizes: Sizes): DeviceBuffers {
  const run = new Run(sizes);
  run.whole(main);
  const kernels = run.kernels;
  run.cache.endRun();
  run.whole(main);
  const exact = (values: readonly (Value | undefined)[]) =>
    values.map((v) => (v ? exactBufferBytes(sizes.knownBytes(v)) : 0));
  const { peakBytes: tensorBytes, sharingBytes } = run.cache;
  const laidOut = exact(laidOutWeights(main));
  const lastBytes = laidOut.at(-1) ?? 0;
  const moments = [
    (run.earlyBytes ?? tensorBytes) + sum(laidOut),
    tensorBytes + lastBytes + run.stagedBytes,
    // outputs are copied to where the host can read them, one after another
    tensorBytes + lastBytes + Math.max(0, ...exact(main.outputs)),
  ];
  const rest = restOfBlocks(
    sharingBytes,
    laidOut.filter((bytes) => bytes < sharedBelow),
  );
  const upload = kernels + laidOut.length > kernelsAtOnce ? uploadBytes : 0;
  return { tensorBytes, peakBytes: Math.max(...moments) + sum(exact(main.inputs)) + rest + upload };
}

/** Kernels that are recorded before they are handed to the device, and what they no longer need is freed. */
const kernelsAtOnce = 16;
/** Dawn cuts buffers of less than the one out of blocks of the other, in powers of two (its Vulkan backend). */
const sharedBelow = 4 * MiB;
const blockBytes = 8 * MiB;
/**
 * The ring buffer through which Dawn writes what kernels get beside tensors, where the buffers for it are still in use:
 * not by the first kernels, which are recorded before the device has anything to do.
 */
const uploadBytes = 4 * MiB;

/** Classes are powers of two as far as they share blocks; weights are rounded up to them. */
function restOfBlocks(classBytes: number, weightBytes: readonly number[]): number {
  const held = classBytes + sum(weightBytes);
  const cut =
    classBytes + sum(weightBytes.map((bytes) => (bytes === 0 ? 0 : 2 ** Math.ceil(Math.log2(bytes)))));
  return Math.ceil(cut / blockBytes) * blockBytes - held;
}

function sum(list: readonly number[]): number {
  return list.reduce((total, bytes) => total + bytes, 0);
}

/**
 * Weights of convolutions, of which the session makes a copy with the channels last. What was stored is given back with
 * the first kernels that are handed to the device, but for the last one.
 */
function laidOutWeights(main: RuntimeBlock): Value[] {
  return main.nodes.flatMap(({ domain, opType, inputs: [, weight] }) =>
    domain === channelsLastDomain && opType === 'Conv' && weight?.kind === 'constant' ? [weight] : [],
  );
}

class Run {
  readonly cache = new BufferCache();
  /** Highest sum of buffers when the first kernels are handed to the device; undefined where there are fewer. */
  earlyBytes: number | undefined;
  /** Highest sum of the copies on their way between host and device. */
  stagedBytes = 0;
  /** Of this run. */
  kernels = 0;
  private readonly sizes: Sizes;
  private lastCopiesBytes = 0;

  constructor(sizes: Sizes) {
    this.sizes = sizes;
  }

  whole(main: RuntimeBlock): void {
    this.kernels = 0;
    for (const v of main.inputs) this.cache.take(this.sizes.knownBytes(v));
    this.block(main, false);
  }

  /** @param outputsAreCounted by the node that holds the graph, as an If does with those of its branches */
  block(block: RuntimeBlock, outputsAreCounted: boolean): void {
    const { allocated, freed } = block.plan;
    for (const [i, node] of block.nodes.entries()) {
      each(allocated, i, this.sizes, outputsAreCounted, (bytes) => this.cache.take(bytes));
      if (node.bodies.length > 0) this.bodies(node);
      else if (node.inplace.alias === undefined) this.kernel(node);
      each(freed, i, this.sizes, false, (bytes) => this.cache.release(bytes));
    }
  }

  private bodies(node: RuntimeNode): void {
    const isBranch = node.opType === 'If';
    for (const { block, taken } of node.bodies) {
      if (!taken) continue;
      this.block(block, isBranch);
      if (!isBranch) for (const v of block.outputs) this.cache.release(v ? this.sizes.knownBytes(v) : 0);
    }
  }

  private kernel(node: RuntimeNode): void {
    const { sizes, cache } = this;
    const scratch = webgpuScratchBytes(node, sizes);
    cache.take(scratch);
    cache.release(scratch);
    if (runsOnHost(node)) this.copy(node);
    if (++this.kernels % kernelsAtOnce !== 0) return;
    this.earlyBytes ??= cache.peakBytes;
    cache.handOver();
  }

  /** What the host computes is copied there and back; the copies of the one before are not given back yet. */
  private copy({ inputs, outputs }: RuntimeNode): void {
    const copies = sum(
      [...inputs, ...outputs].map((v) => (v && v.kind !== 'constant' ? this.exactBytes(v) : 0)),
    );
    this.stagedBytes = Math.max(this.stagedBytes, this.lastCopiesBytes + copies);
    this.lastCopiesBytes = copies;
  }

  private exactBytes(v: Value): number {
    return exactBufferBytes(this.sizes.knownBytes(v));
  }
}

function each(
  lists: BufferLists,
  step: number,
  { known }: Sizes,
  withoutOutputs: boolean,
  visit: (bytes: number) => void,
): void {
  const end = lists.start[step + 1] ?? 0;
  for (let i = lists.start[step] ?? 0; i < end; i++)
    if (!withoutOutputs || lists.isOutput[i] === 0) visit(known[lists.slot[i] ?? -1] ?? 0);
}
