/** Memory by cause: what the profile tells, and what it is set beside. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { analyze, type EpName } from '../../../src/analysis/index.ts';
import { openModel } from '../../../src/onnx/index.ts';
import { predictedMemory, type RunStats } from '../../../src/runtime/index.ts';
import { arenaByCause, memoryRows, memoryTable } from '../../../src/runtime/memory-causes.ts';
import type { ProfiledNode } from '../../../src/runtime/types.ts';
import { models, samples, Workers } from './worker-bundle.ts';

const node = (
  opType: string,
  outputBytes: number,
  inUse: number,
  more: Partial<ProfiledNode> = {},
): ProfiledNode => ({
  ...{ name: opType, opType, nodeIndex: 0, ep: 'cpu', durationMs: 1, inputBytes: 0, parameterBytes: 0 },
  ...{
    outputBytes,
    memInUseBytes: inUse,
    memInUsePeakBytes: inUse,
    arenaHeldBytes: 4096,
    inputs: [],
    outputs: [],
  },
  ...more,
});

const run = (more: Partial<RunStats>): RunStats => ({
  ...{ latencyP50Ms: 1, latencyP95Ms: 1, samplesPerSecond: 1, accuracy: undefined, placement: {} },
  ...{ peakBytes: 3000, peakSource: 'x', processPeakBytes: 9000 },
  ...more,
});

const process = { processBeforeBytes: 50, processLoadBytes: 4000, processRunBytes: 5000 };
const none = {
  ...{ arenaWeightsBytes: undefined, arenaActivationsBytes: undefined },
  ...{ arenaSlackBytes: undefined, storedWeightsBytes: undefined },
};

describe('memory by cause', () => {
  it('takes the first output off what is in use, for the weights', () => {
    const nodes = [
      node('Conv', 1000, 1700, { parameterBytes: 40 }),
      node('Relu', 1000, 2700, { parameterBytes: 2 }),
    ];
    assert.deepEqual(arenaByCause(nodes, 2700), {
      ...{
        arenaWeightsBytes: 700,
        arenaActivationsBytes: 2000,
        arenaSlackBytes: 1396,
        storedWeightsBytes: 42,
      },
    });
  });

  it('counts a chunk that is handed out whole as the first output’s, not as weights', () => {
    const mebibyte = 2 ** 20;
    const whole = { arenaHeldBytes: mebibyte + 700 };
    const nodes = [
      node('Conv', 600_000, mebibyte + 700, whole),
      node('Relu', 600_000, mebibyte + 700, whole),
    ];
    const { arenaWeightsBytes, arenaActivationsBytes } = arenaByCause(nodes, mebibyte + 700);
    assert.deepEqual([arenaWeightsBytes, arenaActivationsBytes], [700, mebibyte]);
    // three outputs take a chunk each
    const several = node('DynamicQuantizeLinear', 1005, 2236, {
      arenaHeldBytes: mebibyte + 700,
      outputs: [
        { type: 'uint8', dims: [10, 100] },
        { type: 'float', dims: [] },
        { type: 'uint8', dims: [] },
      ],
    });
    assert.equal(arenaByCause([several], 2236).arenaWeightsBytes, 700);
  });

  it('takes nothing off where the first node gives another shape to an input', () => {
    assert.equal(arenaByCause([node('Squeeze', 1000, 700)], 1700).arenaWeightsBytes, 700);
  });

  it('is not known where the allocator tells nothing', () => {
    const silent = { parameterBytes: undefined, arenaHeldBytes: undefined, memInUseBytes: undefined };
    assert.deepEqual(arenaByCause([node('Conv', 10, 0, silent)], undefined), none);
    assert.deepEqual(arenaByCause([], undefined), none);
  });

  it('on the CPU sets the arena beside the arena, and the process beside all that is held', () => {
    const memory = { ...arenaByCause([node('Conv', 1000, 1700)], 2700), ...process };
    const predicted = {
      arenaBytes: 2600,
      heldBytes: 8000,
      weightsBytes: 690,
      weightsBesideBytes: 3000,
      activationsBytes: 1910,
    };
    assert.deepEqual(
      memoryRows(run({ memory, predicted })).map((r) => [r.cause, r.measuredBytes, r.predictedBytes]),
      [
        ['arenaWeights', 700, 690],
        ['arenaActivations', 2000, 1910],
        ['arenaSlack', 1396, undefined],
        ['storedWeights', 0, undefined],
        ['processBefore', 50, undefined],
        ['processLoad', 4000, 3690],
        ['processRun', 5000, 1910],
        ['held', 9000, 8000],
      ],
    );
  });

  it('on a device sets its peak beside all that is held there, with the parts of the prediction', () => {
    const predicted = {
      ...{ heldBytes: 3400, weightsBytes: 700, activationsBytes: 1200 },
      ...{ keptBuffersBytes: 500, overheadBytes: 1000 },
    };
    assert.deepEqual(
      memoryRows(run({ memory: { ...none, ...process }, predicted })).map((r) => [
        r.cause,
        r.measuredBytes,
        r.predictedBytes,
      ]),
      [
        ['deviceWeights', undefined, 700],
        ['deviceActivations', undefined, 1200],
        ['deviceBuffers', undefined, 500],
        ['deviceOverhead', undefined, 1000],
        ['processBefore', 50, undefined],
        ['processLoad', 4000, undefined],
        ['processRun', 5000, undefined],
        ['held', 3000, 3400],
      ],
    );
  });

  it('of a report that was made before it was told is none', () => {
    assert.deepEqual(memoryTable(run({}), undefined), []);
  });
});

describe('memory by cause, measured', () => {
  const workers = new Workers();
  for (const [file, dim] of [
    [path.join(samples, 'fmnist_cnn.onnx'), 'batch'],
    [path.join(models, 'mnist_transformer.onnx'), 'batch'],
  ] as const) {
    it(`of ${path.basename(file)} is what was predicted in the arena, within 1 %`, async () => {
      const opened = await openModel(file);
      const analysis = analyze(opened);
      await opened.source.close();
      const at = (ep: EpName) =>
        predictedMemory(analysis.estimate({ dims: { [dim]: 4 }, ep, optimization: 'all' }));
      const predicted = at('cpu');
      const { batches } = await workers.shared.check({
        ...{ original: file, compressed: file, ep: 'cpu', batchSizes: [4], dims: {}, optimization: 'all' },
        data: { kind: 'random', seed: 0, samples: 4 },
        predicted: { 4: { original: predicted } },
      });
      const original = batches[0]?.original;
      assert.ok(original?.memory);
      const rows = new Map(memoryRows(original).map((r) => [r.cause, r]));
      for (const cause of ['arenaWeights', 'arenaActivations'] as const) {
        const { measuredBytes = NaN, predictedBytes = NaN } = rows.get(cause) ?? {};
        assert.ok(
          Math.abs(predictedBytes / measuredBytes - 1) < 0.01,
          `${cause}: measured ${measuredBytes}, predicted ${predictedBytes}`,
        );
      }
      const { processLoadBytes: load, processRunBytes: ran } = original.memory;
      assert.ok(Math.abs(load + ran - (original.processPeakBytes ?? NaN)) < 1, `${load} + ${ran}`);
      assert.equal(original.predictedPeakBytes, predicted.arenaBytes);
    });
  }
});
