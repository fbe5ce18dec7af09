/** What the views are made from: one state of a document, with everything that is computed from it. */
import type { EpName, EstimateOptions, MemoryEstimate, Optimization } from '../../src/analysis/index.ts';
import type { CalibrationData, Edit } from '../../src/transforms/index.ts';
import type { Calibrations } from './calibrations.ts';
import type { Snapshot } from './snapshot.ts';

export interface Shown {
  readonly fileName: string;
  /** Whether anything is not saved. */
  readonly isDirty: boolean;
  readonly snapshot: Snapshot;
  readonly options: ShownOptions;
  readonly estimate: MemoryEstimate;
  /** The original at the same dims. */
  readonly estimateBefore: MemoryEstimate;
  /** Of the file: what its data told. */
  readonly calibrations: Calibrations;
  /** What the recipe with more edits would give. */
  preview(edits: readonly Edit[], calibration?: CalibrationData): Snapshot;
}

export interface ShownOptions extends EstimateOptions {
  readonly dims: Readonly<Record<string, number>>;
  readonly ep: EpName;
  readonly optimization: Optimization;
}
