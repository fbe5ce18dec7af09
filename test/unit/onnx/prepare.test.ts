/** Tensors whose making is begun before they are written. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { saveModel, type TensorRef } from '../../../src/onnx/index.ts';
import { chunks, computed, withInitializer, withModel } from './saving.ts';

describe('a tensor that can be prepared', () => {
  /** Notes what is asked of it. */
  const noting = (name: string, said: string[], produce: () => AsyncIterable<Uint8Array>): TensorRef => {
    const note = (what: string) => said.push(`${what} ${name}`);
    const made = computed(name, 200, () => {
      note('produce');
      return produce();
    });
    if (made.location.kind !== 'computed') throw new TypeError('not computed');
    const prepare = () => {
      note('prepare');
      return () => Promise.resolve(void note('free'));
    };
    return { ...made, location: { ...made.location, prepare } };
  };

  it('is prepared while the one before is written', async () => {
    await withModel(async (opened, _, folder) => {
      const said: string[] = [];
      const all = ['a', 'b', 'c'].map((n) => noting(n, said, () => chunks(2, 100)));
      await saveModel(all.reduce(withInitializer, opened), path.join(folder, 'out.onnx'));
      const order = [
        ...['prepare a', 'prepare b', 'produce a'],
        ...['prepare c', 'produce b', 'produce c', 'free c'],
      ];
      assert.deepEqual(said, order);
    });
  });

  it('is freed where it is not read any more', async () => {
    await withModel(async (opened, _, folder) => {
      const said: string[] = [];
      const all = [noting('a', said, () => chunks(1, 100)), noting('b', said, () => chunks(2, 100))];
      const saving = saveModel(all.reduce(withInitializer, opened), path.join(folder, 'out.onnx'));
      await assert.rejects(saving, /tensor "a" has 100 of the 200 bytes/);
      assert.deepEqual(said, ['prepare a', 'prepare b', 'produce a', 'free a', 'free b']);
    });
  });
});
