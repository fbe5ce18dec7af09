/** The assembler of the vector kernels: what it makes runs, and what it does not know it refuses. */
import assert from 'node:assert/strict';
import { assemble } from '../../../src/transforms/wasm/assemble.ts';
import { Instance, threadsMemory } from '../../../src/transforms/wasm/instance.ts';

describe('assemble', () => {
  it('gives the smallest module byte for byte', () => {
    // https://webassembly.github.io/spec/core/binary/modules.html
    assert.deepEqual(
      [...assemble('(func $one (result i32) 1)')],
      [
        ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
        ...[1, 5, 1, 0x60, 0, 1, 0x7f], // one type: () → i32
        ...[3, 2, 1, 0], // one function of that type
        ...[5, 3, 1, 0, 1], // one memory of at least one page
        ...[7, 16, 2, 6, 109, 101, 109, 111, 114, 121, 2, 0, 3, 111, 110, 101, 0, 0], // "memory", "one"
        ...[10, 6, 1, 4, 0, 0x41, 1, 0x0b], // i32.const 1, end
      ],
    );
  });

  const cases: [string, string, readonly number[], number][] = [
    ['constants of any size', '(func $f (result i32) -1234567)', [], -1234567],
    ['constants at the edge of a byte', '(func $f (result i32) (i32.add 64 -65))', [], -1],
    ['parameters', '(func $f (param $a i32) (param $b i32) (result i32) (i32.sub $a $b))', [7, 9], -2],
    [
      'loops: 1 + 2 + … + 10',
      `(func $f (param $n i32) (result i32) (local $sum i32) ;; counts down
         (loop $next
           (local.set $sum (i32.add $sum $n))
           (br_if $next (local.tee $n (i32.sub $n 1))))
         $sum)`,
      [10],
      55,
    ],
    [
      'branches out of an if',
      `(func $f (param $n i32) (result i32)
         (loop $again
           (if (i32.lt_u $n 5)
             (local.set $n (i32.add $n 2))
             (br_if $again 1)))
         $n)`,
      [2],
      6,
    ],
    [
      'calls',
      '(func $f (result i32) (call $g 20)) (func $g (param $x i32) (result i32) (i32.add $x $x))',
      [],
      40,
    ],
  ];
  for (const [title, text, args, expected] of cases) {
    it(title, () => assert.equal(new Instance<'f'>(text).functions.f(...args), expected));
  }

  const wrong: [string, string, RegExp][] = [
    ['an unknown instruction', '(func $f (i32.melt 1))', /no instruction i32\.melt/],
    ['an unknown local', '(func $f (result i32) $x)', /nothing is called \$x/],
    ['an unknown type', '(func $f (param $x i31))', /no type i31/],
    ['a parenthesis too few', '(func $f (result i32) 1', /parenthesis/],
    ['a parenthesis too many', '(func $f))', /parenthesis/],
    ['something else than a function', '(table $t)', /expected func/],
  ];
  for (const [title, text, message] of wrong) {
    it(`refuses ${title}`, () => assert.throws(() => assemble(text), message));
  }

  it('takes the memory that threads share', () => {
    const memory = threadsMemory();
    const text =
      '(func $sum (param $at i32) (v128.store 16 $at (i32x4.add (v128.load 0 $at) (v128.load 0 $at))))';
    const modules = [1, 2].map(() => new Instance<'sum'>(text, memory));
    memory.grow(3);
    const words = new Int32Array(memory.buffer);
    words.set([1, 2, 3, -4], 50_000);
    modules[0]?.functions.sum(200_000);
    modules[1]?.functions.sum(200_016);
    assert.deepEqual([...words.subarray(50_004, 50_012)], [2, 4, 6, -8, 4, 8, 12, -16]);
  });

  it('keeps what lies in memory when it grows', () => {
    const instance = new Instance<'f'>(
      '(func $f (param $at i32) (result i32) (local $v i32) (i32.add $v $at))',
    );
    new Uint8Array(instance.reserve(10))[3] = 42;
    const memory = instance.reserve(200_000);
    assert.ok(memory.byteLength >= 200_000);
    assert.equal(new Uint8Array(memory)[3], 42);
  });
});
