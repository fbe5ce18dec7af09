/**
 * What a model costs: shapes, memory per node and layer, the peak, what fits, and the model as text.
 *
 *     const analysis = analyze(await openModel('model.onnx'));
 *     const estimate = analysis.estimate({ dims: { batch: 8 }, ep: 'cpu', optimization: 'all' });
 *     outline(analysis, estimate).text
 */
export type * from './calibration.ts';
export { bodyOfValue, bodyValue } from './calibration.ts';
export { cards, cardsThatFit } from './cards.ts';
export type { Card } from './cards.ts';
export { weightBehaviour } from './ep/behaviour.ts';
export { kvCache } from './kv-cache/kv-cache.ts';
export type { CacheTensor, KvCache } from './kv-cache/kv-cache.ts';
export { kernelWork } from './latency/kernels.ts';
export type { KernelWork } from './latency/kernels.ts';
export { predictLatency } from './latency/predict.ts';
export type { KernelTime, LatencyPrediction } from './latency/predict.ts';
export { analyze } from './memory/analyze.ts';
export { dataflow } from './memory/dataflow.ts';
export type { FlowingTensor } from './memory/dataflow.ts';
export { describeNode, hasWeightsInBodies } from './memory/describe.ts';
export type { Fact, FactLabel } from './memory/describe.ts';
export { laterPeakBytes, largestBatch } from './memory/largest-batch.ts';
export type { LargestBatch, LargestBatchOptions } from './memory/largest-batch.ts';
export { tensorLifetimes } from './memory/lifetimes.ts';
export type { TensorLifetime, TensorLifetimes } from './memory/lifetimes.ts';
export { headTemplates } from './outline/header.ts';
export { outline } from './outline/outline.ts';
export type { Outline, OutlineLine, OutlineLineKind, OutlineOptions } from './outline/outline.ts';
export { trainingEstimate } from './training/estimate.ts';
export type * from './training/types.ts';
export type * from './types.ts';
