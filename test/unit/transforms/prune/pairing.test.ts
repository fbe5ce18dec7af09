/** Channels dealt out to units that have equally many of each group of each convolution. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { divide, type Partition } from '../../../../src/transforms/prune/channels/pairing.ts';

/** `count` items in equal groups, in that order. */
function inOrder(groups: number, order: readonly number[]): Partition {
  const each = order.length / groups;
  const of = new Array<number>(order.length).fill(0);
  order.forEach((item, place) => (of[item] = Math.floor(place / each)));
  return { groups, of };
}

/** Where a shuffle of `groups` groups puts each item. */
function shuffled(groups: number, order: readonly number[]): number[] {
  const each = order.length / groups;
  return order.map((_, place) => order[(place % groups) * each + Math.floor(place / groups)] ?? -1);
}

function check(partitions: readonly Partition[], count: number, units: readonly (readonly number[])[]): void {
  assert.deepEqual(
    units.flat().toSorted((a, b) => a - b),
    Array.from({ length: count }, (_, i) => i),
  );
  for (const unit of units) {
    for (const { groups, of } of partitions) {
      const counts = Array.from({ length: groups }, (_, g) => unit.filter((item) => of[item] === g).length);
      assert.ok(
        counts.every((n) => n === counts[0]),
        `${unit.join()} has ${counts.join()} of ${groups} groups`,
      );
    }
  }
}

const items = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('units of channels between grouped convolutions', () => {
  it('one group structure: those at the same places', () => {
    assert.deepEqual(divide([inOrder(3, items(12))], 12), [
      [0, 4, 8],
      [1, 5, 9],
      [2, 6, 10],
      [3, 7, 11],
    ]);
  });

  it('no demand: each by itself', () => {
    assert.deepEqual(divide([], 3), [[0], [1], [2]]);
  });

  for (const [count, groups] of [
    [24, 3],
    [240, 3],
    [96, 8],
    [68, 4],
    [18, 3],
  ] as const) {
    it(`${count} channels in ${groups} groups on both sides of a shuffle: ${groups} go together`, () => {
      const partitions = [inOrder(groups, items(count)), inOrder(groups, shuffled(groups, items(count)))];
      const units = divide(partitions, count);
      assert.equal(units?.length, count / groups);
      check(partitions, count, units);
    });
  }

  it('any two structures: as many go together as the least common multiple of their groups', () => {
    const drawn = fc
      .record({
        a: fc.integer({ min: 1, max: 6 }),
        b: fc.integer({ min: 1, max: 6 }),
        n: fc.integer({ min: 1, max: 6 }),
      })
      .chain(({ a, b, n }) => {
        const count = a * b * n;
        const order = fc.shuffledSubarray(items(count), { minLength: count, maxLength: count });
        return fc.tuple(fc.constant({ a, b, count }), order, order);
      });
    fc.assert(
      fc.property(drawn, ([{ a, b, count }, one, two]) => {
        const partitions = [inOrder(a, one), inOrder(b, two)];
        const units = divide(partitions, count);
        assert.ok(units !== undefined);
        check(partitions, count, units);
        const same = new Set(partitions[0]?.of.map((g, i) => `${g} ${partitions[1]?.of[i]}`)).size;
        const common = items(count).find((n) => n > 0 && n % a === 0 && n % b === 0) ?? count;
        assert.ok(units.length === count / common || same === Math.max(a, b), `${units.length} units`);
      }),
    );
  });

  it('three structures, each behind another shuffle', () => {
    const orders = [items(72)];
    for (let n = 0; n < 3; n++) orders.push(shuffled(3, orders.at(-1) ?? []));
    const partitions = orders.map((order) => inOrder(3, order));
    const units = divide(partitions, 72);
    assert.equal(units?.length, 24);
    check(partitions, 72, units);
  });

  it('three structures of 2, 3 and 4 groups: twelve go together', () => {
    const partitions = [
      inOrder(2, items(48)),
      inOrder(3, shuffled(3, items(48))),
      inOrder(4, shuffled(4, items(48))),
    ];
    const units = divide(partitions, 48);
    assert.equal(units?.length, 4);
    check(partitions, 48, units);
  });

  it('none where a group has more of them than another', () => {
    assert.equal(divide([{ groups: 2, of: [0, 0, 0, 1] }], 4), undefined);
  });
});
