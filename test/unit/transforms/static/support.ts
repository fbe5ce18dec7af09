/** Edits and calibrations for the tests of static quantization. */
import type { Calibration, TensorStatistics } from '../../../../src/analysis/calibration.ts';
import type { StaticEdit } from '../../../../src/transforms/index.ts';

export function staticEdit(options: Partial<StaticEdit> = {}): StaticEdit {
  return {
    type: 'quantize',
    layers: { all: true },
    form: 'static',
    format: 'qdq',
    activationType: 'uint8',
    weightType: 'int8',
    granularity: 'per-tensor',
    range: 'minmax',
    isSymmetric: false,
    ...options,
  };
}

/** A calibration of given ranges, by tensor; further statistics where they are given. */
export function calibrationOf(
  ranges: Readonly<Record<string, readonly [min: number, max: number]>>,
  more: Readonly<Record<string, Partial<TensorStatistics>>> = {},
): Calibration {
  return {
    samples: 1,
    statistics: (tensor) => {
      const range = ranges[tensor];
      return range === undefined ? undefined : { count: 1, min: range[0], max: range[1], ...more[tensor] };
    },
    gram: () => Promise.resolve(undefined),
  };
}
