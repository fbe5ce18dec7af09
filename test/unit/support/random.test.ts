/** Random tests are told which cases to draw: the build of fast-check that tests get has the settings. */
import assert from 'node:assert/strict';
import fc from 'fast-check';

describe('random tests', () => {
  it('draw the same cases every time, others where RANDOM_SEED says so', () => {
    const { RANDOM_SEED: seed } = process.env;
    const others = seed === 'any' ? {} : { seed: Number(seed) };
    assert.deepEqual(fc.readConfigureGlobal(), seed === undefined ? { seed: 1, endOnFailure: true } : others);
  });
});
