/** Truth as a formula has the value that plain comparison gives, at every size. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  add,
  dimToString,
  evaluateDim,
  floorDiv,
  isUnknown,
  mul,
  sub,
  symbol,
  unknown,
} from '../../../../src/analysis/dim.ts';
import {
  and,
  choose,
  isEqual,
  isLess,
  isNonZero,
  not,
  or,
  xor,
} from '../../../../src/analysis/shapes/truth.ts';
import type { Dim } from '../../../../src/analysis/types.ts';

const [h, w] = [symbol('h'), symbol('w')];

interface Formula {
  readonly dim: Dim;
  readonly value: (h: number, w: number) => number;
}
const formula: fc.Arbitrary<Formula> = fc
  .tuple(
    fc.integer({ min: -2, max: 3 }),
    fc.integer({ min: -2, max: 3 }),
    fc.integer({ min: -6, max: 6 }),
    fc.boolean(),
  )
  .map(([a, b, c, halved]) => {
    const sum = add(mul(a, h), mul(b, w), c);
    return {
      dim: halved ? floorDiv(sum, 2) : sum,
      value: (x, y) => (halved ? Math.floor((a * x + b * y + c) / 2) : a * x + b * y + c),
    };
  });
const size = fc.integer({ min: 1, max: 9 });

describe('shapes: truth', () => {
  it('of comparisons and of what is made of them', () => {
    fc.assert(
      fc.property(formula, formula, size, size, (f, g, x, y) => {
        const [a, b] = [f.value(x, y), g.value(x, y)];
        const [p, q] = [a === b, a < b];
        const cases: readonly (readonly [Dim, number])[] = [
          [isEqual(f.dim, g.dim), Number(p)],
          [isLess(f.dim, g.dim), Number(q)],
          [isNonZero(f.dim), Number(a !== 0)],
          [not(isLess(f.dim, g.dim)), Number(!q)],
          [and(isNonZero(f.dim), isLess(f.dim, g.dim)), Number(a !== 0 && q)],
          [or(isEqual(f.dim, g.dim), isLess(f.dim, g.dim)), Number(p || q)],
          [xor(isNonZero(f.dim), isLess(f.dim, g.dim)), Number((a !== 0) !== q)],
          [choose(isLess(f.dim, g.dim), f.dim, g.dim), q ? a : b],
        ];
        for (const [dim, expected] of cases)
          assert.equal((evaluateDim(dim, { h: x, w: y }) ?? NaN) + 0, expected + 0, dimToString(dim));
      }),
      { numRuns: 1500 },
    );
  });
  it('is a number where it does not depend on the sizes', () => {
    assert.equal(isEqual(add(h, 1), h), 0);
    assert.equal(isLess(h, add(h, 1)), 1);
    assert.equal(not(isEqual(h, 0)), 1);
    assert.equal(typeof isEqual(h, 1), 'object');
  });
  it('is not known of what is not known, unless one side decides', () => {
    const nothing = unknown('of a value');
    assert.deepEqual(isEqual(h, nothing), nothing);
    assert.equal(and(0, nothing), 0);
    assert.equal(or(nothing, 1), 1);
    // halves may differ by less than 1: no formula of this kind tells
    assert.ok(isUnknown(isEqual(mul(h, 0.5), sub(w, 3))));
  });
});
