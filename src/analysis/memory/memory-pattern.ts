/**
 * ONNX Runtime's memory pattern: what the first run allocates and frees is traced, laid out in one block, and from the
 * second run with the same shapes on that block is taken at once (mem_pattern_planner.h, 1.30).
 */

interface Placed {
  readonly buffer: number;
  readonly offset: number;
  readonly size: number;
}

export class MemoryPattern {
  /** Of the block. */
  bytes = 0;
  /** Those that are in use, by offset. */
  private readonly placed: Placed[] = [];

  /** In the gap that it fills best, that between the last and the end of the block so far included; else behind the last. */
  allocate(buffer: number, size: number): void {
    if (size <= 0) return;
    let at = this.placed.length;
    let offset: number | undefined;
    let waste = Infinity;
    let end = 0;
    const consider = (gap: number, i: number) => {
      if (gap < size || gap - size >= waste) return;
      [at, offset, waste] = [i, end, gap - size];
    };
    this.placed.forEach((p, i) => {
      consider(p.offset - end, i);
      end = p.offset + p.size;
    });
    consider(this.bytes - end, this.placed.length);
    const placed: Placed = { buffer, offset: offset ?? end, size };
    this.placed.splice(at, 0, placed);
    this.bytes = Math.max(this.bytes, placed.offset + size);
  }

  free(buffer: number): void {
    const at = this.placed.findIndex((p) => p.buffer === buffer);
    if (at >= 0) this.placed.splice(at, 1);
  }
}
