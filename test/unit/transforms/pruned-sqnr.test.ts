/** What pruning leaves of weights: as they are written against the original's, or against what is left of those. */
import assert from 'node:assert/strict';
import type { Model } from '../../../src/onnx/model.ts';
import { applyRecipe, weightSqnr, type Edit, type PruneChannelsEdit } from '../../../src/transforms/index.ts';
import { floats, graph, model, node, value } from '../../support/model-builder.ts';
import { cast, numbers, prune, quantize, recipe } from './edits.ts';
import { calibrate } from './prune/calibration.ts';
import { feeds } from './prune/zeroed.ts';

/** About even, the same each time. */
function weights(count: number): number[] {
  let state = 7;
  return Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    return Math.fround(state / 2147483647 - 0.5);
  });
}

const A = weights(16 * 32);
const B = weights(32 * 8);

/** x [4, 16] → a [16, 32] → Relu → b [32, 8] */
function layers(): Model {
  return model(
    graph({
      inputs: [value('x', [4, 16])],
      outputs: [value('y', [4, 8])],
      initializers: [floats('A', [16, 32], A), floats('B', [32, 8], B)],
      nodes: [
        node('MatMul', ['x', 'A'], ['h'], { name: 'a' }),
        node('Relu', ['h'], ['r'], { name: 'relu' }),
        node('MatMul', ['r', 'B'], ['y'], { name: 'b' }),
      ],
    }),
  );
}

function channels(options: Partial<PruneChannelsEdit> = {}): PruneChannelsEdit {
  const layers = { nodes: ['a'] };
  return { type: 'prune-channels', layers, importance: 'l1', ratio: 0.5, seed: 0, ...options };
}

function ratio(values: readonly number[], made: readonly number[]): number {
  assert.equal(made.length, values.length);
  const signal = values.reduce((s, v) => s + v * v, 0);
  return 10 * Math.log10(signal / values.reduce((s, v, i) => s + (v - made[i]!) ** 2, 0));
}

function close(found: number | undefined, expected: number): void {
  assert.ok(found !== undefined && Math.abs(found - expected) < 1e-3, `${found} dB, expected ${expected}`);
}

async function sqnrOf(node: string, ...edits: Edit[]): Promise<number | undefined> {
  const found = (await weightSqnr(layers(), recipe(...edits))).get(node);
  assert.ok(found !== undefined, `no figure of ${node}`);
  return found.sqnrDb;
}

const floatOfHalf = (bits: number): number => {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
};

/** The value of each integer, with one scale in all. */
async function dequantized(m: Model, name: string): Promise<number[]> {
  const [scale = NaN] = await numbers(m, `${name}_scale`);
  return (await numbers(m, `${name}_quantized`)).map((q) => q * scale);
}

describe('weightSqnr of pruned layers', () => {
  const ways: Partial<Parameters<typeof prune>[0] & object>[] = [
    { ratio: 0.3 },
    { ratio: 0.3, method: 'random' },
    { pattern: '2:4' },
    { ratio: 0.4, scope: 'global' },
  ];
  for (const way of ways) {
    it(`is that of the zeros written: ${JSON.stringify(way)}`, async () => {
      const edit = prune(way);
      const written = applyRecipe(layers(), recipe(edit)).model;
      for (const [id, name, values] of [
        ['a', 'A', A],
        ['b', 'B', B],
      ] as const) {
        const made = await numbers(written, name);
        assert.ok(made.includes(0) && made.some((v) => v !== 0));
        close(await sqnrOf(id, edit), ratio(values, made));
      }
    });
  }

  for (const method of ['wanda', 'sparsegpt'] as const) {
    it(`is told of ${method} where its data are at hand`, async () => {
      const edits = recipe(
        prune({ method, layers: { nodes: ['a'] } }),
        quantize({ layers: { nodes: ['b'] } }),
      );
      const found = await weightSqnr(layers(), edits);
      assert.deepEqual(found.get('a'), { sqnrDb: undefined });
      assert.ok(found.get('b')!.sqnrDb! > 30, 'the others are known');
      const { calibrationTargets } = applyRecipe(layers(), edits);
      const calibration = await calibrate(layers(), feeds({ x: [4, 16] }), calibrationTargets);
      const made = await numbers(applyRecipe(layers(), edits, { calibration }).model, 'A');
      const told = await weightSqnr(layers(), edits, { data: { calibration } });
      close(told.get('a')?.sqnrDb, ratio(A, made));
    });
  }

  it('is exact of the channels that stay, in the layers that read them, too; nothing is read for it', async () => {
    const m = layers();
    // no data: whoever read it would fail
    const unread: Model = {
      ...m,
      graph: {
        ...m.graph,
        initializers: new Map(
          [...m.graph.initializers].map(([name, t]) => [
            name,
            { ...t, location: { kind: 'computed', byteLength: 4 * (name === 'A' ? A : B).length, produce } },
          ]),
        ),
      },
    };
    // oxlint-disable-next-line require-yield
    async function* produce(): AsyncGenerator<Uint8Array, void, undefined> {
      await Promise.reject(new Error('read'));
    }
    const found = await weightSqnr(unread, recipe(channels({ importance: 'random' })));
    assert.deepEqual(
      [...found],
      ['a', 'b'].map((id) => [id, { sqnrDb: Infinity }]),
    );
  });

  it('compares the channels that stay where they are zeroed besides, before or after', async () => {
    const zero = prune({ ratio: 0.25, layers: { nodes: ['a'] } });
    // which channels stay is told by the model without zeros in them
    const first = applyRecipe(layers(), recipe(channels(), zero)).model;
    const kept = await numbers(applyRecipe(layers(), recipe(channels())).model, 'A');
    close(await sqnrOf('a', channels(), zero), ratio(kept, await numbers(first, 'A')));

    const random = channels({ importance: 'random', seed: 3 });
    const last = applyRecipe(layers(), recipe(zero, random)).model;
    const stay = await numbers(applyRecipe(layers(), recipe(random)).model, 'A');
    close(await sqnrOf('a', zero, random), ratio(stay, await numbers(last, 'A')));
    assert.equal(await sqnrOf('b', zero, random), Infinity);
  });

  it('is of the original where a pruned layer is rounded', async () => {
    const edits: Edit[] = [prune({ ratio: 0.2 }), quantize({ layers: { nodes: ['a'] } })];
    const m = applyRecipe(layers(), recipe(...edits)).model;
    close(await sqnrOf('a', ...edits), ratio(A, await dequantized(m, 'A')));
    close(await sqnrOf('b', ...edits), ratio(B, await numbers(m, 'B')));
    const halves: Edit[] = [prune({ ratio: 0.2 }), cast()];
    const low = await numbers(applyRecipe(layers(), recipe(...halves)).model, 'A_float16');
    close(await sqnrOf('a', ...halves), ratio(A, low.map(floatOfHalf)));
  });

  it('is of the float32 original where floats of 16 bits are pruned', async () => {
    const edits: Edit[] = [cast(), prune({ ratio: 0.2, layers: { nodes: ['a'] } })];
    const made = await numbers(applyRecipe(layers(), recipe(...edits)).model, 'A_float16');
    assert.ok(made.includes(0));
    close(await sqnrOf('a', ...edits), ratio(A, made.map(floatOfHalf)));
    const alone = await sqnrOf('a', cast());
    assert.ok(alone! > 60, `${alone}: rounding alone`);
  });

  it('is not told of repaired layers without data', async () => {
    const found = await weightSqnr(layers(), recipe(channels({ repair: 'least-squares' })));
    assert.deepEqual(found.get('b'), { sqnrDb: undefined });
  });

  it('reads a weight of many chunks, and can be stopped after any layer', async () => {
    const dims = [701, 1511];
    const large = weights(701 * 1511);
    const m = model(
      graph({
        inputs: [value('x', [1, 701])],
        outputs: [value('y'), value('z')],
        initializers: [floats('V', dims, large), floats('W', dims, large)],
        nodes: [
          node('MatMul', ['x', 'V'], ['y'], { name: 'v' }),
          node('MatMul', ['x', 'W'], ['z'], { name: 'w' }),
        ],
      }),
    );
    const edits = recipe(prune({ ratio: 0.1 }));
    const made = await numbers(applyRecipe(m, edits).model, 'V');
    close((await weightSqnr(m, edits)).get('v')?.sqnrDb, ratio(large, made));
    const stop = new AbortController();
    const seen: string[] = [];
    const onLayer = (id: string) => {
      seen.push(id);
      stop.abort(new Error('enough'));
    };
    await assert.rejects(weightSqnr(m, edits, { signal: stop.signal, onLayer }), /enough/);
    assert.deepEqual(seen, ['v']);
  });
});
