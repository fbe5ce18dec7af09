import assert from 'node:assert/strict';
import type { LayerRow } from '../../../src/protocol.ts';
import { copyRows } from '../../../webview/lib/copy.ts';
import { segmentsOf, tree, type TreeNode } from '../../../webview/lib/hierarchy.ts';
import { matchRows } from '../../../webview/lib/match.ts';
import { compareValues, sortRows } from '../../../webview/lib/sort.ts';
import type { LayerKind, Sort } from '../../../webview/state/view-state.ts';
import { row } from './rows.ts';

const names = (rows: readonly LayerRow[]): string => rows.map((r) => r.name).join(' ');

describe('webview: matchRows', () => {
  const change = { label: 'int8', beforeBytes: 4, afterBytes: 1, status: 'applied' } as const;
  const rows = [
    row('enc/q', { parameterBytes: 4, canQuantize: true }),
    row('enc/relu', { opType: 'Relu', outputShape: '8 × 64' }),
    row('dec/conv', { opType: 'Conv', parameterBytes: 9, change }),
    row('odd', { opType: 'Foo', unknown: 'no rule for Foo', activationBytes: undefined }),
  ];
  const cases: readonly [filter: string, kind: LayerKind, expected: string][] = [
    ['', 'all', 'enc/q enc/relu dec/conv odd'],
    ['  ', 'all', 'enc/q enc/relu dec/conv odd'],
    ['enc', 'all', 'enc/q enc/relu'],
    ['ENC relu', 'all', 'enc/relu'],
    ['conv', 'all', 'dec/conv'],
    ['× 64', 'all', 'enc/relu'],
    ['-enc', 'all', 'dec/conv odd'],
    ['enc -relu', 'all', 'enc/q'],
    ['-', 'all', 'enc/q enc/relu dec/conv odd'],
    ['nothing', 'all', ''],
    ['', 'weights', 'enc/q dec/conv'],
    ['', 'changed', 'dec/conv'],
    ['', 'quantizable', 'enc/q'],
    ['', 'unknown', 'odd'],
    ['enc', 'unknown', ''],
  ];
  for (const [filter, kind, expected] of cases) {
    it(`'${filter}' of ${kind} gives '${expected}'`, () => {
      assert.equal(names(matchRows(rows, filter, kind)), expected);
    });
  }
});

describe('webview: sortRows', () => {
  const rows = [
    row('layer.10', { activationBytes: 5, opType: 'Conv' }),
    row('layer.2', { activationBytes: undefined, opType: 'Add' }),
    row('layer.1', { activationBytes: 7, opType: 'Conv' }),
  ];
  const cases: readonly [title: string, sort: Sort | undefined, expected: string][] = [
    ['no column: as given', undefined, 'layer.10 layer.2 layer.1'],
    ['names by their numbers', { column: 'name', isDescending: false }, 'layer.1 layer.2 layer.10'],
    ['names from the end', { column: 'name', isDescending: true }, 'layer.10 layer.2 layer.1'],
    ['figures, unknown last', { column: 'activations', isDescending: false }, 'layer.10 layer.1 layer.2'],
    [
      'figures from the largest, unknown last',
      { column: 'activations', isDescending: true },
      'layer.1 layer.10 layer.2',
    ],
    ['equal rows keep their order', { column: 'op', isDescending: false }, 'layer.2 layer.10 layer.1'],
  ];
  for (const [title, sort, expected] of cases) {
    it(title, () => assert.equal(names(sortRows(rows, sort)), expected));
  }

  it('leaves the rows given as they are', () => {
    const before = names(rows);
    sortRows(rows, { column: 'name', isDescending: false });
    assert.equal(names(rows), before);
  });

  it('puts unknown after everything', () => {
    assert.equal(compareValues(undefined, 0, false), 1);
    assert.equal(compareValues(undefined, 0, true), 1);
    assert.equal(compareValues(undefined, undefined, true), 0);
  });
});

describe('webview: tree', () => {
  /** `a(b c)`: group a of b and c. */
  const shape = (nodes: readonly TreeNode[]): string =>
    nodes.map((n) => (n.kind === 'layer' ? n.label : `${n.label}(${shape(n.children)})`)).join(' ');
  const cases: readonly [names: readonly string[], expected: string][] = [
    [['a', 'b'], 'a b'],
    [['/enc/q/MatMul', '/enc/k/MatMul', '/head'], 'enc(q/MatMul k/MatMul) head'],
    [['/enc/0/q', '/enc/0/k', '/enc/1/q', '/enc/1/k'], 'enc(0(q k) 1(q k))'],
    [['net.0.conv', 'net.0.relu'], 'net/0(conv relu)'],
    [['/a/b/c', '/a/b/d'], 'a/b(c d)'],
    [['/', ''], '/ '],
  ];
  for (const [given, expected] of cases) {
    it(`${given.join(', ')} → ${expected}`, () =>
      assert.equal(shape(tree(given.map((n) => row(n)))), expected));
  }

  it('sums groups, and says where a term is unknown', () => {
    const [group] = tree([
      row('g/a', { parameterBytes: 10, activationBytes: 3, macs: 2 }),
      row('g/b', { parameterBytes: 5, activationBytes: undefined, macs: undefined }),
    ]);
    assert.ok(group?.kind === 'group');
    assert.deepEqual(group.totals, { parameterBytes: 15, activationBytes: 3, macs: 2, isAtLeast: true });
    assert.equal(group.rows.length, 2);
  });

  it('splits by slash, or by dot where there is none', () => {
    assert.deepEqual(segmentsOf('/encoder/layer.3/q'), ['encoder', 'layer.3', 'q']);
    assert.deepEqual(segmentsOf('encoder.layer.3'), ['encoder', 'layer', '3']);
    assert.deepEqual(segmentsOf('Conv'), ['Conv']);
  });
});

describe('webview: copyRows', () => {
  const rows = [
    row('a|b', { parameterBytes: 1536, activationBytes: undefined }),
    row('tab\there', { parameterBytes: 0 }),
  ];
  it('writes plain figures separated by tabs', () => {
    assert.equal(
      copyRows(rows, ['name', 'weights', 'activations'], 'tsv', (id) => id),
      'name\tweights\tactivations\na|b\t1536\t\ntab here\t0\t32',
    );
  });
  it('writes a Markdown table with figures to the right', () => {
    assert.equal(
      copyRows(rows, ['name', 'weights'], 'markdown', (id) => id),
      '| name | weights |\n| --- | ---: |\n| a\\|b | 1536 |\n| tab\there | 0 |',
    );
  });
});
