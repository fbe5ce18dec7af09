import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  add,
  ceilDiv,
  ceilReal,
  DimProgram,
  dimSymbols,
  dimToString,
  equal,
  evaluateDim,
  floorDiv,
  floorReal,
  isExpr,
  isUnknown,
  lessThan,
  max,
  min,
  mod,
  mul,
  parseDim,
  sameDim,
  sub,
  substituteDim,
  symbol,
  unknown,
} from '../../../src/analysis/dim.ts';
import type { Dim } from '../../../src/analysis/types.ts';

const [b, h, w, s] = [symbol('batch'), symbol('h'), symbol('w'), symbol('s')];
const half = floorDiv(add(h, 1), 2);

describe('dims', () => {
  const texts: readonly [string, Dim, string][] = [
    ['a product', mul(b, 64), 'batch·64'],
    ['like terms are added', add(mul(h, 2), h), 'h·3'],
    ['what cancels is a number', sub(add(h, 3), h), '3'],
    ['a sum', sub(add(h, w), 2), 'h + w - 2'],
    ['a conv with stride 2', half, '(h + 1)//2'],
    [
      'the same conv, computed with kernel 3 and padding 1',
      add(floorDiv(sub(add(h, 2), 3), 2), 1),
      '(h + 1)//2',
    ],
    ['two of them are one division', floorDiv(add(half, 1), 2), '(h + 3)//4'],
    ['whole parts leave the division', floorDiv(add(mul(h, 4), w, 9), 4), '(w + 1)//4 + h + 2'],
    ['common factors leave the division', floorDiv(add(mul(h, 2), 1), 4), 'h//2'],
    ['upward division', ceilDiv(h, 2), '(h + 1)//2'],
    ['a negated division is normalised', floorDiv(mul(h, -1), 2), '-((h + 1)//2)'],
    ['reshape to -1', floorDiv(mul(b, s, 768), mul(b, s)), '768'],
    ['reshape to -1 with sums', floorDiv(mul(b, add(h, 1), 6), mul(add(h, 1), 2)), 'batch·3'],
    ['a division by a symbol stays', floorDiv(h, w), 'h//w'],
    ['factors in common are reduced', floorDiv(mul(h, 6), mul(w, 4)), '(h·3)//(w·2)'],
    ['even', mul(floorDiv(h, 2), 2), '(h//2)·2'],
    ['modulo of a multiple', mod(mul(h, 4), 2), '0'],
    ['modulo', mod(h, 32), 'h - (h//32)·32'],
    ['the greater of what is ordered', max(h, 1), 'h'],
    ['the greater of what is not', max(h, w, h), 'max(h, w)'],
    ['nested extrema are one', max(max(h, w), s), 'max(h, s, w)'],
    ['the smaller', min(add(h, 2), h), 'h'],
    ['slice of a table', min(s, 512), 'min(512, s)'],
    ['a power', mul(h, h, 2), 'h^2·2'],
    ['a strange name', mul(symbol('x y'), 2), '"x y"·2'],
    ['halves of floats are floored to a division', floorReal(mul(h, 0.5)), 'h//2'],
    ['thirds in float32 too', floorReal(mul(h, 0.3333333432674408)), 'h//3'],
    ['upward', ceilReal(mul(h, 0.5)), '(h + 1)//2'],
    ['unknown', add(h, unknown('no rule')), '?'],
  ];
  for (const [title, dim, text] of texts) it(`${title}: ${text}`, () => assert.equal(dimToString(dim), text));

  it('unknown keeps its reason through sums, except in a product with 0', () => {
    const u = unknown('no rule for x::Y');
    assert.deepEqual(max(h, floorDiv(mul(2, u), 3)), u);
    assert.equal(mul(u, 0), 0);
    assert.equal(sameDim(u, u), false);
    assert.equal(sameDim(half, ceilDiv(h, 2)), true);
  });

  it('division by zero, numbers past 2^53 and overgrown formulas are unknown with a reason', () => {
    const grown = Array.from({ length: 60 }, (_, i) => symbol(`s${i}`)).reduce<Dim>((a, x) => add(a, x), 0);
    for (const [dim, reason] of [
      [floorDiv(h, 0), /division by zero/],
      [mul(2 ** 40, 2 ** 40), /2\^53/],
      [grown, /too complex/],
    ] as const)
      assert.match(isUnknown(dim) ? dim.reason : '', reason);
    assert.equal(dimToString(floorDiv(h, 1)), 'h');
  });

  const comparisons: readonly [Dim, Dim, boolean | undefined, boolean | undefined][] = [
    [h, -1, false, false],
    [h, h, true, false],
    [h, add(h, 1), false, true],
    [h, w, undefined, undefined],
    [h, 1, undefined, false],
    [symbol('n', 0), 1, undefined, undefined],
    [3, 3, true, false],
    [unknown('?'), 3, undefined, undefined],
  ];
  for (const [x, y, eq, lt] of comparisons)
    it(`${dimToString(x)} against ${dimToString(y)}`, () => {
      assert.equal(equal(x, y), eq);
      assert.equal(lessThan(x, y), lt);
    });

  it('evaluates, and has no value without one for each symbol', () => {
    const d = mul(b, half, max(w, 4));
    assert.equal(evaluateDim(d, { batch: 2, h: 7, w: 3 }), 2 * 4 * 4);
    assert.equal(evaluateDim(d, { batch: 2, h: 7 }), undefined);
    assert.equal(evaluateDim(symbol('constructor'), {}), undefined);
    assert.equal(evaluateDim(floorDiv(h, w), { h: 3, w: 0 }), undefined);
    assert.deepEqual([...dimSymbols(d)].sort(), ['batch', 'h', 'w']);
  });

  it('replaces symbols', () => {
    const d = substituteDim(mul(b, half), (n) => (n === 'h' ? mul(w, 2) : undefined));
    assert.equal(dimToString(d), 'batch·w');
  });

  it('reads declared formulas of known symbols, and takes the rest as one name', () => {
    const known = (n: string) => ['batch', 's', 'past'].includes(n);
    const cases: readonly [string, Dim][] = [
      ['past + s', add(symbol('past'), s)],
      ['batch*4', mul(b, 4)],
      ['2*(s + 1)//2', floorDiv(mul(2, add(s, 1)), 2)],
      ['batch-size', symbol('batch-size')],
      ['batch +', symbol('batch +')],
      ['unk__12', symbol('unk__12')],
      ['(batch', symbol('(batch')],
    ];
    for (const [text, expected] of cases)
      assert.equal(dimToString(parseDim(text, known)), dimToString(expected), text);
  });
});

/** A random formula as a dim, and as plain arithmetic. */
interface Formula {
  dim: Dim;
  value: (v: Record<string, number>) => number;
}
const leaf: fc.Arbitrary<Formula> = fc.oneof(
  fc.integer({ min: -9, max: 9 }).map((n): Formula => ({ dim: n, value: () => n })),
  fc.constantFrom('h', 'w', 'n').map((n): Formula => ({ dim: symbol(n), value: (v) => v[n]! })),
);
const { formula } = fc.letrec<{ formula: Formula }>((tie) => ({
  formula: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    fc
      .tuple(fc.constantFrom('add', 'sub', 'mul', 'min', 'max'), tie('formula'), tie('formula'))
      .map(([op, x, y]): Formula => {
        const [f, g] = {
          add: [add, (p: number, q: number) => p + q] as const,
          sub: [sub, (p: number, q: number) => p - q] as const,
          mul: [mul, (p: number, q: number) => p * q] as const,
          min: [min, (p: number, q: number) => Math.min(p, q)] as const,
          max: [max, (p: number, q: number) => Math.max(p, q)] as const,
        }[op];
        return { dim: f(x.dim, y.dim), value: (v) => g(x.value(v), y.value(v)) };
      }),
    fc.tuple(tie('formula'), fc.integer({ min: 1, max: 12 }), fc.boolean()).map(([x, n, up]): Formula => {
      const value = (v: Record<string, number>) =>
        up ? Math.ceil(x.value(v) / n) : Math.floor(x.value(v) / n);
      return { dim: up ? ceilDiv(x.dim, n) : floorDiv(x.dim, n), value };
    }),
    fc.tuple(tie('formula'), tie('formula')).map(([x, y]): Formula => {
      // The denominator is made at least 1: h + w + min(…)², as far as shapes ever divide.
      const dim = floorDiv(x.dim, max(y.dim, 1));
      return { dim, value: (v) => Math.floor(x.value(v) / Math.max(y.value(v), 1)) };
    }),
  ),
}));

describe('dims, any formula', () => {
  const sizes = fc.record({
    h: fc.integer({ min: 1, max: 99 }),
    w: fc.integer({ min: 1, max: 99 }),
    n: fc.integer({ min: 1, max: 9 }),
  });

  it('has the value that plain arithmetic gives, within its bounds, one at a time and compiled', () => {
    fc.assert(
      fc.property(formula, sizes, ({ dim, value }, v) => {
        if (isUnknown(dim)) return;
        const expected = value(v) + 0;
        if (!Number.isSafeInteger(expected)) return;
        assert.equal((evaluateDim(dim, v) ?? NaN) + 0, expected, dimToString(dim));
        const program = new DimProgram();
        const slot = program.slotOf(dim);
        assert.equal((program.run(v)[slot] ?? NaN) + 0, expected);
        if (isExpr(dim)) assert.ok(dim.low <= expected && expected <= dim.high, `bounds of ${dim.key}`);
      }),
      { numRuns: 3000 },
    );
  });

  it('equal keys mean equal values', () => {
    fc.assert(
      fc.property(formula, formula, sizes, (x, y, v) => {
        const same = equal(x.dim, y.dim);
        if (same === undefined) return;
        assert.equal(x.value(v) === y.value(v), same);
      }),
      { numRuns: 2000 },
    );
  });
});
