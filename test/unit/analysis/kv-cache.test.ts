import assert from 'node:assert/strict';
import { analyze, kvCache, type KvCache } from '../../../src/analysis/index.ts';
import { DataType, type Model, type Node, type Value } from '../../../src/onnx/index.ts';
import { floats, graph, model, node, value } from '../../support/model-builder.ts';
import { article } from './models.ts';

const microsoft = { opsets: { 'com.microsoft': 1 } };

function decoder(nodes: readonly Node[], past: readonly Value[], present: readonly string[]): Model {
  return model(
    graph({
      inputs: [value('x', ['batch', 'new', 64]), value('k', ['batch', 2, 'new', 16]), ...past],
      nodes,
      outputs: [value('y'), ...present.map((name) => value(name))],
      initializers: [floats('w', [64, 64])],
    }),
    microsoft,
  );
}

const past = (name: string, type: number = DataType.float16) => value(name, ['batch', 2, 'past', 16], type);

/** Two layers of grouped queries: 4 heads of 16, 2 of keys and values. */
function grouped(): Model {
  const layer = (i: number, x: string, y: string) =>
    node('GroupQueryAttention', [x, x, x, `a${i}`, `b${i}`], [y, `c${i}`, `d${i}`], {
      domain: 'com.microsoft',
      num_heads: 4,
      kv_num_heads: 2,
    });
  const caches = ['a0', 'b0', 'a1', 'b1'].map((n) => past(n));
  return decoder([layer(0, 'x', 'h'), layer(1, 'h', 'y')], caches, ['c0', 'd0', 'c1', 'd1']);
}

function concatenated(): Model {
  const lengthen = (from: string, to: string) => [
    node('Neg', ['k'], [`${to}.new`]),
    node('Concat', [from, `${to}.new`], [to], { axis: -2 }),
  ];
  const float = DataType.float;
  return decoder(
    [node('MatMul', ['x', 'w'], ['y']), ...lengthen('layer.0.key', 'p0'), ...lengthen('layer.0.value', 'p1')],
    [past('layer.0.key', float), past('layer.0.value', float)],
    ['p0', 'p1'],
  );
}

/** Read by nothing that is known: only their names tell. */
function named(...names: readonly string[]): Model {
  return decoder(
    [node('MatMul', ['x', 'w'], ['y'])],
    names.map((n) => past(n)),
    [],
  );
}

function cacheOf(m: Model): KvCache {
  const found = kvCache(analyze(m));
  assert.ok(found);
  return found;
}

describe('the key-value cache', () => {
  it('is found by the operator that reads it', () => {
    const found = cacheOf(grouped());
    assert.deepEqual(
      found.tensors.map((t) => [t.input, t.output, t.holds, t.foundBy, t.heads, t.headSize]),
      [
        ['a0', 'c0', 'key', 'operator', 2, 16],
        ['b0', 'd0', 'value', 'operator', 2, 16],
        ['a1', 'c1', 'key', 'operator', 2, 16],
        ['b1', 'd1', 'value', 'operator', 2, 16],
      ],
    );
    assert.equal(found.layers, 2);
  });

  it('takes 2 · layers · heads · head size · bytes a token', () => {
    const found = cacheOf(grouped());
    const perToken = 2 * 2 * 2 * 16 * 2;
    assert.equal(found.bytesPerToken, perToken);
    assert.equal(found.formula, `batch·past·${perToken}`);
    assert.deepEqual([found.batchSymbol, found.sequenceSymbol], ['batch', 'past']);
    assert.deepEqual(found.bytesAt({ batch: 3, past: 4096 }), {
      bytes: 3 * 4096 * perToken,
      certainty: 'exact',
    });
  });

  it('is found by the Concat that lengthens it', () => {
    const found = cacheOf(concatenated());
    assert.deepEqual(
      found.tensors.map((t) => [t.input, t.output, t.holds, t.foundBy]),
      [
        ['layer.0.key', 'p0', 'key', 'concat'],
        ['layer.0.value', 'p1', 'value', 'concat'],
      ],
    );
    assert.equal(found.formula, 'batch·past·256');
  });

  for (const [names, holds, layers] of [
    [['past_key_values.0.key', 'past_key_values.0.value'], ['key', 'value'], 1],
    [['past_0', 'past_1'], ['both', 'both'], 2],
    [['cache_k_0', 'cache_v_0'], ['key', 'value'], 1],
    [['k_cache.7', 'v_cache.7'], ['key', 'value'], 1],
    [['past_key_values.3.decoder.key', 'past_key_values.3.encoder.value'], ['key', 'value'], 1],
  ] as const)
    it(`is found by the names ${names.join(' and ')}`, () => {
      const found = cacheOf(named(...names));
      assert.deepEqual(
        found.tensors.map((t) => t.holds),
        holds,
      );
      assert.equal(found.layers, layers);
    });

  it('is not what merely sounds like it', () => {
    assert.equal(kvCache(analyze(named('pasture', 'keyboard', 'broadcast_mask'))), undefined);
    assert.equal(kvCache(analyze(article())), undefined);
  });
});
