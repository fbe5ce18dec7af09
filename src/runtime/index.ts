/** Runs models: accuracy, speed and memory, on the EPs of this machine, in child processes. */
export * from './types.ts';
export {
  cudaInstallation,
  installCuda,
  removeCuda,
  type CudaInstallation,
  type CudaInstallOptions,
  type CudaInstallRequest,
} from './cuda/install.ts';
export { defaultFeed } from './cuda/feed.ts';
export type { CollectedCalibration } from './calibrate/collected.ts';
export { isKept, type KeptSide, type KeptValues } from './calibrate/kept.ts';
export type { BatchAxes } from './inputs.ts';
export { dataSpecOf, guessDataKind, type DataKind } from './data/guess.ts';
export { bestEp, epPreference } from './eps.ts';
export { lifted } from './lift.ts';
export { isRunnerError, RunnerError, type FailureKind } from './failure.ts';
export type { ComparedRun, DataRun, KeepRequest, KeptOutputs } from './kept-outputs.ts';
export { listGpus } from './gpus.ts';
export { labelMetricText, reportJson, reportMarkdown } from './report.ts';
export {
  causeNames,
  memoryRows,
  memoryTable,
  predictedMemory,
  type MemoryByCause,
  type MemoryCause,
  type PredictedMemory,
} from './memory-causes.ts';
export { readingText } from './metrics/box-reading.ts';
export { keptInt8Overflows } from './probe-cache.ts';
export { Runner, type RunnerOptions } from './runner.ts';
