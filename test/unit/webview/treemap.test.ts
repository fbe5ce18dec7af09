import assert from 'node:assert/strict';
import { layout } from '../../../webview/panes/treemap/layout.ts';
import { opColours, otherTone } from '../../../webview/panes/treemap/op-colours.ts';
import { row } from './rows.ts';

const size = { width: 600, height: 400 };
const rows = [
  row('/enc/q', { parameterBytes: 300 }),
  row('/enc/k', { parameterBytes: 100, opType: 'Conv' }),
  row('/head', { parameterBytes: 400, opType: 'Gemm' }),
  row('/relu', { opType: 'Relu', activationBytes: 64 }),
];

describe('webview: treemap layout', () => {
  it('gives layers area by their figure, inside their group, and none to those without', () => {
    const { boxes, leaves, total } = layout(rows, 'weights', '', size);
    assert.equal(total, 800);
    assert.deepEqual(
      leaves.map((l) => [l.row.name, l.value]),
      [
        ['/head', 400],
        ['/enc/q', 300],
        ['/enc/k', 100],
      ],
    );
    const [group] = boxes.filter((b) => b.kind === 'group');
    assert.equal(group?.label, 'enc');
    assert.ok(group.hasHeader);
    const head = leaves[0];
    const area = (b: { width: number; height: number }): number => b.width * b.height;
    assert.ok(head !== undefined && Math.abs(area(head) / area(group) - 1) < 0.03, '400 beside 400');
    for (const leaf of leaves.slice(1)) {
      assert.ok(leaf.x >= group.x && leaf.x + leaf.width <= group.x + group.width);
      assert.ok(leaf.y >= group.y + 18, 'below the header');
      assert.ok(leaf.y + leaf.height <= group.y + group.height);
    }
  });

  it('shows a group alone, and everything where the group is gone', () => {
    const inside = layout(rows, 'weights', 'enc', size);
    assert.deepEqual(
      inside.trail.map((g) => g.label),
      ['enc'],
    );
    assert.deepEqual(
      inside.leaves.map((l) => l.label),
      ['q', 'k'],
    );
    assert.equal(inside.total, 400);
    assert.equal(layout(rows, 'weights', 'gone/away', size).leaves.length, 3);
  });

  it('takes another figure', () => {
    // 32 bytes of activations each, 64 of the last
    assert.deepEqual(layout(rows, 'activations', '', size).leaves[0]?.row.name, '/relu');
  });

  it('draws the largest of very many, and counts them all', () => {
    const many = Array.from({ length: 5000 }, (_, i) => row(`l${i}`, { parameterBytes: 1 + (i % 10) }));
    const { leaves, total } = layout(many, 'weights', '', { width: 2000, height: 1500 });
    assert.equal(leaves.length, 2000);
    assert.equal(total, 5000 * 5.5);
    assert.ok(leaves.every((l) => l.value >= 7));
  });
});

describe('webview: colours of operators', () => {
  it('go to the costliest, one to all others', () => {
    const ops = Array.from({ length: 9 }, (_, i) => row(`l${i}`, { opType: `Op${i}`, parameterBytes: i }));
    const { legend, toneOf, hasOthers } = opColours(ops, (r) => r.parameterBytes);
    assert.deepEqual(
      legend.map((l) => l.opType),
      ['Op8', 'Op7', 'Op6', 'Op5', 'Op4', 'Op3'],
    );
    assert.equal(new Set(legend.map((l) => l.tone)).size, 6);
    assert.equal(toneOf('Op8'), legend[0]?.tone);
    assert.equal(toneOf('Op1'), otherTone);
    assert.equal(hasOthers, true);
    assert.equal(opColours(ops.slice(0, 4), (r) => r.parameterBytes).hasOthers, false);
  });
});
