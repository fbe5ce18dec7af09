/**
 * ONNX Runtime's BFC arena (best fit with coalescing), replayed: where each allocation lands decides how much is in
 * use, since a free chunk is handed out whole unless it is at least twice as large as what was asked for.
 *
 *     const arena = new Arena();
 *     const a = arena.allocate(401_408); // the first megabyte, split
 *     const b = arena.allocate(401_408); // the other 647 168 bytes, whole: less than twice as much
 *     arena.inUseBytes // 1_048_576
 *
 * Source: onnxruntime/core/framework/bfc_arena.cc (1.30), extend strategy kNextPowerOfTwo, as by default.
 */

/** Every chunk is a multiple of this. */
const alignment = 256;
const binCount = 21;
/** First region; each further one is twice as large as the last. */
const initialRegionBytes = 1 << 20;
const maxRegionBytes = 2 ** 30;
/** A chunk with more than this to spare is split though it is not twice as large. */
const maxDeadBytes = 128 << 20;

/** A stretch of a region, free or in use. */
export interface Chunk {
  address: number;
  size: number;
  isFree: boolean;
  previous: Chunk | undefined;
  next: Chunk | undefined;
}

export class Arena {
  inUseBytes = 0;
  peakBytes = 0;
  /** Bytes taken from the system. */
  heldBytes = 0;
  private regionBytes = initialRegionBytes;
  private nextAddress = 0;
  private readonly bins: Chunk[][] = Array.from({ length: binCount }, () => []);

  /** Memory beside the regions: initializers, packed weights, and what a few kernels take as they run. */
  reserve(bytes: number): void {
    this.use(bytes);
    this.heldBytes += bytes;
  }

  /** Gives back what was reserved. */
  release(bytes: number): void {
    this.inUseBytes -= bytes;
    this.heldBytes -= bytes;
  }

  /** Undefined for no bytes at all: ONNX Runtime allocates nothing for an empty tensor. */
  allocate(bytes: number): Chunk | undefined {
    if (bytes <= 0) return undefined;
    const rounded = roundUp(bytes);
    const chunk = this.take(rounded) ?? (this.extend(rounded), this.take(rounded));
    if (chunk) this.use(chunk.size);
    return chunk;
  }

  free(chunk: Chunk | undefined): void {
    if (!chunk || chunk.isFree) return;
    this.inUseBytes -= chunk.size;
    this.insert(this.coalesced(chunk));
  }

  private use(bytes: number): void {
    this.inUseBytes += bytes;
    if (this.inUseBytes > this.peakBytes) this.peakBytes = this.inUseBytes;
  }

  /** The smallest free chunk that will do, of the first bin that has one. */
  private take(bytes: number): Chunk | undefined {
    for (let b = binOf(bytes); b < binCount; b++) {
      const bin = this.bins[b] ?? [];
      const at = firstAtLeast(bin, bytes, -1);
      const chunk = bin[at];
      if (!chunk) continue;
      bin.splice(at, 1);
      chunk.isFree = false;
      if (chunk.size >= bytes * 2 || chunk.size - bytes >= maxDeadBytes) this.split(chunk, bytes);
      return chunk;
    }
    return undefined;
  }

  private split(chunk: Chunk, bytes: number): void {
    const rest: Chunk = {
      address: chunk.address + bytes,
      size: chunk.size - bytes,
      isFree: false,
      previous: chunk,
      next: chunk.next,
    };
    if (rest.next) rest.next.previous = rest;
    chunk.next = rest;
    chunk.size = bytes;
    this.insert(rest);
  }

  private extend(bytes: number): void {
    let increased = false;
    while (bytes > this.regionBytes) {
      this.regionBytes *= 2;
      increased = true;
    }
    const size = this.regionBytes;
    if (!increased) this.regionBytes = size * 2 < maxRegionBytes ? size * 2 : maxRegionBytes;
    this.heldBytes += size;
    this.insert({ address: this.nextAddress, size, isFree: false, previous: undefined, next: undefined });
    this.nextAddress += size;
  }

  /** Joined with its free neighbours, which leave their bins. */
  private coalesced(chunk: Chunk): Chunk {
    const { next, previous } = chunk;
    if (next?.isFree) {
      this.remove(next);
      chunk.size += next.size;
      chunk.next = next.next;
      if (next.next) next.next.previous = chunk;
    }
    if (!previous?.isFree) return chunk;
    this.remove(previous);
    previous.size += chunk.size;
    previous.next = chunk.next;
    if (chunk.next) chunk.next.previous = previous;
    return previous;
  }

  private insert(chunk: Chunk): void {
    chunk.isFree = true;
    const bin = this.bins[binOf(chunk.size)];
    bin?.splice(firstAtLeast(bin, chunk.size, chunk.address), 0, chunk);
  }

  private remove(chunk: Chunk): void {
    const bin = this.bins[binOf(chunk.size)];
    bin?.splice(firstAtLeast(bin, chunk.size, chunk.address), 1);
  }
}

/** What ONNX Runtime allocates for so many bytes. */
export function roundUp(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

/** Bin b holds chunks of 256·2^b bytes and more. */
function binOf(bytes: number): number {
  const units = Math.floor(bytes / alignment);
  if (units >= 2 ** (binCount - 1)) return binCount - 1;
  return units === 0 ? 0 : 31 - Math.clz32(units);
}

/** Index of the first chunk not less than (size, address); bins are sorted by both. */
function firstAtLeast(bin: readonly Chunk[], size: number, address: number): number {
  let low = 0;
  let high = bin.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const c = bin[middle];
    if (c && (c.size < size || (c.size === size && c.address < address))) low = middle + 1;
    else high = middle;
  }
  return low;
}
