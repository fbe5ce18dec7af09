import assert from 'node:assert/strict';
import { MemoryPattern } from '../../../src/analysis/memory/memory-pattern.ts';

describe('ONNX Runtime’s memory pattern', () => {
  it('takes the gap that is filled best, else goes on behind the last', () => {
    const pattern = new MemoryPattern();
    for (const [buffer, size] of [512, 256, 768, 256].entries()) pattern.allocate(buffer, size);
    assert.equal(pattern.bytes, 1792);
    pattern.free(0);
    pattern.free(2);
    pattern.allocate(4, 512); // where 0 was, not in the 768 of 2
    pattern.allocate(5, 768);
    assert.equal(pattern.bytes, 1792);
    pattern.allocate(6, 256);
    assert.equal(pattern.bytes, 2048);
  });

  it('counts what lies behind the last, up to the end so far, as a gap', () => {
    const pattern = new MemoryPattern();
    for (const [buffer, size] of [1024, 256, 512].entries()) pattern.allocate(buffer, size);
    pattern.free(0);
    pattern.free(2);
    pattern.allocate(3, 256); // behind 1, where 2 was: less is left over than of the 1024 of 0
    pattern.allocate(4, 1024);
    assert.equal(pattern.bytes, 1792);
  });

  it('needs more than is ever in use where gaps are too small', () => {
    const pattern = new MemoryPattern();
    pattern.allocate(0, 256);
    pattern.allocate(1, 256);
    pattern.free(0);
    pattern.allocate(2, 512);
    assert.equal(pattern.bytes, 1024);
  });
});
