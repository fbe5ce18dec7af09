/** A report of the shape the runner gives, for the sample CNN; its figures are made up, so that texts can be told. */
import type { CheckView, LayerErrorsView, RunView, SensitivityView } from '../../../../src/protocol.ts';

const run = (
  p50: number,
  p95: number,
  peakBytes: number,
  predictedBytes: number,
  accuracy: number,
): RunView => ({
  latencyP50Ms: p50,
  latencyP95Ms: p95,
  peakBytes,
  peakSource: 'mem_in_use_peak of the profile',
  predictedBytes,
  accuracy,
  samplesPerSecond: 1000 / p50,
  metrics: [
    { name: 'top-1', value: accuracy, low: accuracy - 0.011, high: accuracy + 0.01 },
    { name: 'cross-entropy', value: 0.2 + p50 / 100, low: 0.19, high: 0.31 },
  ],
  placement: { cpu: 14 },
  causes: [
    { cause: 'weights in the arena', measuredBytes: 73_768, predictedBytes: 73_768 },
    { cause: 'arena held beyond its peak', measuredBytes: 1024, predictedBytes: undefined },
    { cause: 'all that is held', measuredBytes: peakBytes * 2, predictedBytes: predictedBytes * 2 },
  ],
});

const output = (cosine: number, sqnrDb: number, maxAbsError: number, top1Agreement: number) => [
  {
    ...{ output: 'logits', cosine, sqnrDb, maxAbsError, top1Agreement },
    ...{ meanAbsError: maxAbsError / 8, klDivergence: 0.0021, top5Agreement: 1 },
  },
];

export const sampleCheck: CheckView = {
  id: '1',
  at: Date.UTC(2026, 0, 2, 12),
  title: 'fmnist_cnn.onnx, dynamic int8',
  ep: 'cpu',
  device: 'AMD EPYC, 2 cores',
  data: 'fmnist-test-2000.npz, 2000 samples with labels',
  hasLabels: true,
  warnings: ['On the CPU, Conv with dynamic int8 weights quantizes its input at every run.'],
  batches: [
    {
      batchSize: 1,
      samples: 2000,
      outputs: output(0.99971, 32.4, 0.842, 0.9945),
      original: run(0.42, 0.51, 405_504, 405_504, 0.934),
      compressed: run(0.61, 0.74, 301_056, 299_008, 0.933),
    },
    {
      batchSize: 8,
      samples: 2000,
      outputs: output(0.99968, 31.9, 0.907, 0.9935),
      original: run(2.31, 2.64, 1_867_776, 1_867_776, 0.934),
      compressed: run(3.02, 3.4, 1_716_224, 1_712_128, 0.9325),
    },
    {
      batchSize: 32,
      samples: 1984,
      outputs: output(0.99966, 31.7, 0.931, 0.993),
      original: run(8.87, 9.9, 6_881_280, 6_881_280, 0.9342),
      compressed: run(11.6, 12.8, 6_602_752, 6_590_464, 0.9327),
    },
  ],
};

const layerValues = [0.93, 0.925, 0.92, 0.9, 0.86, 0.7, 0.4];
/** Three layers, the second under way, the third one that cannot be pruned. */
export const sampleSensitivity: SensitivityView = {
  options: { kind: 'channels', importance: 'l1', ratio: 0.5, repair: 'none' },
  what: 'by L1 norm',
  measure: 'accuracy',
  original: 0.934,
  data: 'fmnist-test-2000.npz',
  samples: 256,
  ep: 'cpu',
  ratios: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
  layers: [
    { layerId: '/f/f.3/f.3.0/Conv', name: 'f.3.0', values: layerValues },
    { layerId: '/fc1/Gemm', name: 'fc1', values: [0.934, 0.93, null, null, null, null, null] },
    {
      layerId: '/fc2/Gemm',
      name: 'fc2',
      values: layerValues.map(() => null),
      reason: 'graph output "logits" has these channels',
    },
  ],
  done: 9,
  total: 21,
  state: 'running',
};

/** Two layers as good as they were, then one that is quantized, then what follows. */
export const sampleLayerErrors: LayerErrorsView = {
  ep: 'cpu',
  data: 'random inputs, 8 samples, seed 0',
  warnings: [],
  layers: [
    errorOf('/f/f.0/Conv', 'f.0', 'Conv', 'inf', 1, 0),
    errorOf('/f/f.2/MaxPool', 'f.2', 'MaxPool', 128.4, 1, 1e-6),
    errorOf('/fc1/Gemm', 'fc1', 'Gemm', 41.2, 0.99996, 0.021),
    errorOf('/fc2/Gemm', 'fc2', 'Gemm', 32.4, 0.99971, 0.842),
  ],
};

function errorOf(
  layerId: string,
  name: string,
  opType: string,
  sqnrDb: number | 'inf',
  cosine: number,
  maxAbsError: number,
): LayerErrorsView['layers'][number] {
  return { value: `${name}_out`, layerId, name, opType, sqnrDb, cosine, maxAbsError };
}
