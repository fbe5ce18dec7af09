/** Which dims are the batch, what size the others get, and what random values fill them. */
import assert from 'node:assert/strict';
import { openData } from '../../../src/runtime/data/open.ts';
import type { RandomHints } from '../../../src/runtime/data/random.ts';
import { RunnerError } from '../../../src/runtime/failure.ts';
import {
  planAtDims,
  planInputs,
  type InputPlan,
  type PlanOptions,
  type TensorInfo,
} from '../../../src/runtime/inputs.ts';

const input = (shape: (number | string)[], name = 'x', type = 'float32'): TensorInfo => ({
  name,
  type,
  shape,
});
const plan = (infos: TensorInfo[], options: Partial<PlanOptions> = {}) =>
  planInputs(infos, { batchSize: 8, dims: {}, ...options });
const shapes = (p: InputPlan) => p.inputs.map((i) => i.dims);

describe('the inputs of a batch', () => {
  const CASES: [string, TensorInfo[], Partial<PlanOptions>, number[][]][] = [
    ['by the name of the dim', [input(['batch', 3, 224, 224])], {}, [[8, 3, 224, 224]]],
    ['by another name', [input(['N', 4])], {}, [[8, 4]]],
    ['by position where it has no name', [input(['', 4])], {}, [[8, 4]]],
    ['by position where the name says nothing', [input(['dyn_0', 4])], {}, [[8, 4]]],
    [
      'not by the name of a length',
      [input(['seq_len', 4]), input(['batch', 2], 'z')],
      {},
      [
        [16, 4],
        [8, 2],
      ],
    ],
    ['at another axis', [input(['seq', 'batch', 4])], { dims: { seq: 5 } }, [[5, 8, 4]]],
    ['as the caller knows', [input(['a', 'b'])], { batchSymbols: ['b'], dims: { a: 3 } }, [[3, 8]]],
    ['of an image of any size', [input(['batch', 3, 'h', 'w'])], { dims: { h: 32 } }, [[8, 3, 32, 224]]],
    ['with an empty past', [input(['batch', 'past_len', 4])], {}, [[8, 0, 4]]],
    ['that is fixed', [input([8, 4])], {}, [[8, 4]]],
  ];
  for (const [title, infos, options, expected] of CASES) {
    it(title, () => assert.deepEqual(shapes(plan(infos, options)), expected));
  }

  it('of a fixed size allow that size only', () => {
    assert.ok(plan([input([8, 4])]).isFixedBatch);
    assert.throws(
      () => plan([input([8, 4])], { batchSize: 32 }),
      (e) =>
        e instanceof RunnerError &&
        e.kind === 'batch' &&
        /"x" has a fixed batch of 8, so batch size 32/.test(e.message),
    );
  });

  it('without a batch run at 1 only, whatever their lengths', () => {
    const options = { batchSymbols: [], dims: { seq: 5 } };
    assert.deepEqual(shapes(plan([input(['seq', 4])], { ...options, batchSize: 1 })), [[5, 4]]);
    assert.throws(
      () => plan([input(['seq', 4])], options),
      /has no batch dimension, so batch size 8 cannot be run/,
    );
  });

  it('without any dim run once', () => {
    assert.deepEqual(shapes(plan([input([])], { batchSize: 1 })), [[]]);
  });

  it('say which dim was given no size', () => {
    assert.deepEqual(plan([input(['batch', 'seq'])]).warnings, [
      'Dimension "seq" was given no size; 16 was used.',
    ]);
    assert.deepEqual(plan([input(['batch', 'seq'])], { dims: { seq: 4 } }).warnings, []);
  });

  it('at given dims take every symbol as it is', () => {
    assert.deepEqual(shapes(planAtDims([input(['batch', 'seq'])], { batch: 3, seq: 7 })), [[3, 7]]);
    assert.deepEqual(shapes(planAtDims([input(['', 4])], { 'x.d0': 3 })), [[3, 4]]);
    assert.deepEqual(shapes(planAtDims([input(['batch', 4])], {})), [[1, 4]]);
  });
});

async function firstValues(
  infos: TensorInfo[],
  hints: RandomHints = {},
  batchSize = 4,
): Promise<Record<string, number[]>> {
  const source = await openData(
    { kind: 'random', seed: 1, samples: 4 },
    planInputs(infos, { batchSize, dims: {} }),
    hints,
  );
  const values: Record<string, number[]> = Object.fromEntries(infos.map((i) => [i.name, []]));
  for await (const batch of source.batches()) {
    for (const [name, tensor] of Object.entries(batch.feeds))
      values[name]?.push(...Array.from(tensor.data, Number));
  }
  return values;
}

describe('random inputs', () => {
  const ids = input(['batch', 6], 'input_ids', 'int64');

  it('are the same samples at every batch size', async () => {
    const four = await firstValues([input(['batch', 5])]);
    assert.deepEqual(await firstValues([input(['batch', 5])], {}, 1), four);
    assert.deepEqual(await firstValues([input(['batch', 5])], {}, 3), four);
    assert.equal(new Set(four['x']).size, 20);
  });

  it('are ids within the vocabulary', async () => {
    const { input_ids: values = [] } = await firstValues([ids], { input_ids: { exclusiveMax: 50 } });
    assert.ok(values.every((v) => Number.isInteger(v) && v >= 0 && v < 50));
    assert.ok(Math.max(...values) > 10);
    assert.ok((await firstValues([ids]))['input_ids']?.every((v) => v === 0 || v === 1));
  });

  const FILLED: [string, TensorInfo, (v: number, i: number) => boolean][] = [
    ['ones in a mask', input(['batch', 6], 'attention_mask', 'int64'), (v) => v === 1],
    ['positions in order', input(['batch', 6], 'position_ids', 'int64'), (v, i) => v === i % 6],
    ['within 0..1 in an image', input(['batch', 3, 4, 4]), (v) => v >= 0 && v < 1],
    ['bytes', input(['batch', 8], 'x', 'uint8'), (v) => v >= 0 && v < 256],
    ['finite bits in float16', input(['batch', 8], 'x', 'float16'), (v) => (v & 0x7c00) !== 0x7c00],
    ['a sample rate', input([], 'sr', 'int64'), (v) => v === 16_000],
  ];
  for (const [title, info, isRight] of FILLED) {
    it(`are ${title}`, async () => {
      const values = (await firstValues([info, input(['batch', 1], 'other')]))[info.name] ?? [];
      assert.ok(values.length > 0 && values.every(isRight), String(values));
    });
  }

  it('cannot be made for strings', async () => {
    await assert.rejects(
      firstValues([input(['batch'], 'text', 'string')]),
      /"text" is of type string.*\.npz/,
    );
  });
});
