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

  /** In the gap that it fills best, else behind the last. */
  allocate(buffer: number, size: number): void {
    if (size <= 0) return;
    const last = this.placed.at(-1);
    let at = this.placed.length;
    let offset = last ? last.offset + last.size : 0;
    let waste = Infinity;
    let end = 0;
    this.placed.forEach((p, i) => {
      const gap = p.offset - end;
      if (gap >= size && gap - size < waste) {
        [at, offset, waste] = [i, end, gap - size];
      }
      end = p.offset + p.size;
    });
    this.placed.splice(at, 0, { buffer, offset, size });
    this.bytes = Math.max(this.bytes, offset + size);
  }

  free(buffer: number): void {
    const at = this.placed.findIndex((p) => p.buffer === buffer);
    if (at >= 0) this.placed.splice(at, 1);
  }
}
