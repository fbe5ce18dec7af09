/** What the system says of a processor, and what weights become on one. */
import assert from 'node:assert/strict';
import { overflowsBySystem } from '../../src/machine.ts';
import { dynamicWeights, staticWeights, usualWeightType } from '../../src/transforms/index.ts';

const machine = (int8Overflows: boolean | undefined) => ({
  ...{ threads: 1, nchwcBlock: 8, int8Depth: 4, int8Filters: 8 },
  int8Overflows,
});

describe('overflowsBySystem', () => {
  const cases: [string, string, string, boolean | undefined][] = [
    ['x64 without VNNI', 'x64', 'flags : fpu avx2 f16c', true],
    ['x64 with AVX-512 VNNI', 'x64', 'flags : avx512f avx512_vnni', false],
    ['x64 with AVX VNNI', 'x64', 'flags : avx2 avx_vnni', false],
    ['a Mac with it', 'x64', 'hw.optional.avx512vnni: 1', false],
    ['a Mac without it', 'x64', 'hw.optional.avx512vnni: 0', true],
    ['x64 of which nothing is said', 'x64', '', undefined],
    ['arm64, whatever is said', 'arm64', 'Features : asimd', false],
  ];
  for (const [title, architecture, said, expected] of cases) {
    it(title, () => assert.equal(overflowsBySystem(architecture, said), expected));
  }
});

describe('the weights of int8 forms', () => {
  const signed = { weightType: 'int8', reduceRange: false };
  const unsigned = { weightType: 'uint8', reduceRange: false };

  it('are as usual for the machine: unsigned where int8 products overflow', () => {
    for (const overflows of [true, false, undefined]) {
      const [m, usual] = [machine(overflows), overflows === true ? unsigned : signed];
      assert.equal(usualWeightType(m), usual.weightType);
      assert.deepEqual(dynamicWeights('usual', m), usual);
      assert.deepEqual(staticWeights('usual', 'uint8', m), { weightType: usual.weightType });
      // beside other activations nothing overflows
      for (const activations of ['int8', 'uint16', 'int16'] as const) {
        assert.deepEqual(staticWeights('usual', activations, m), { weightType: 'int8' });
      }
    }
  });

  it('or as is said, on any machine', () => {
    for (const overflows of [true, false]) {
      const m = machine(overflows);
      assert.deepEqual(dynamicWeights('int8', m), signed);
      assert.deepEqual(dynamicWeights('uint8', m), unsigned);
      assert.deepEqual(dynamicWeights('7-bit', m), { weightType: 'int8', reduceRange: true });
      assert.deepEqual(staticWeights('int8', 'uint8', m), { weightType: 'int8' });
      assert.deepEqual(staticWeights('uint8', 'uint8', m), { weightType: 'uint8' });
      assert.deepEqual(staticWeights('7-bit', 'uint8', m), { weightType: 'int8', reduceRange: true });
    }
  });
});
