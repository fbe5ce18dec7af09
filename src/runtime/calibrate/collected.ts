/** What a calibration collected, with its matrices on disk until they are asked for. */
import { open } from 'node:fs/promises';
import path from 'node:path';
import type {
  AbsHistogram,
  Calibration,
  Gram,
  GramTarget,
  TensorStatistics,
} from '../../analysis/calibration.ts';
import { RunnerError } from '../failure.ts';
import { gramKey } from './keys.ts';
import type { CollectedTensor } from './statistics.ts';

/** One target's matrices: `groups` × [size, size] float32 in `file` of the scratch folder, then the means of the columns. */
export interface CollectedGram {
  readonly tensor: string;
  /** See {@link gramKey}. */
  readonly key: string;
  readonly size: number;
  readonly rows: number;
  readonly groups: number;
  readonly file: string;
}

/** As it crosses the process boundary. */
export interface CalibrationResult {
  readonly samples: number;
  readonly tensors: readonly CollectedTensor[];
  readonly histograms: Readonly<Record<string, AbsHistogram>>;
  readonly grams: readonly CollectedGram[];
  readonly dataDescription: string;
  readonly ortVersion: string;
  readonly warnings: readonly string[];
}

/** A {@link Calibration} whose files are there until it is disposed of, or its runner is. */
export interface CollectedCalibration extends Calibration {
  /** What a person reads, e.g. `fmnist-calib-256.npz, 256 samples`. */
  readonly data: string;
  readonly warnings: readonly string[];
  dispose(): Promise<void>;
}

export function collected(
  result: CalibrationResult,
  folder: string,
  dispose: () => Promise<void>,
): CollectedCalibration {
  const tensors = new Map(result.tensors.map((t) => [t.tensor, t]));
  return {
    samples: result.samples,
    data: result.dataDescription,
    warnings: result.warnings,
    statistics: (tensor, axis) => {
      const found = tensors.get(tensor);
      return found === undefined ? undefined : statisticsOf(found, result.histograms[tensor], axis);
    },
    gram: async (tensor, target) => {
      const key = gramKey(target);
      const found = result.grams.find((g) => g.tensor === tensor && g.key === key);
      return found === undefined ? undefined : readGram(found, folder, target);
    },
    dispose,
  };
}

function statisticsOf(
  tensor: CollectedTensor,
  histogram: AbsHistogram | undefined,
  axis: number | undefined,
): TensorStatistics | undefined {
  const { count, nonFinite, min, max, rank } = tensor;
  if (axis === undefined) return { count, nonFinite, min, max, histogram };
  const channels = tensor.channels.find((c) => c.axis === (axis < 0 ? axis + rank : axis));
  return channels === undefined ? undefined : { count, nonFinite, min, max, histogram, channels };
}

async function readGram(gram: CollectedGram, folder: string, target: GramTarget): Promise<Gram> {
  const file = await open(path.join(folder, gram.file)).catch((cause: unknown) => {
    throw new RunnerError(
      'internal',
      `The second moments of "${gram.tensor}" (${target.kind}) are no longer there: the calibration was disposed of.`,
      { cause },
    );
  });
  try {
    let at = 0;
    const next = async (length: number): Promise<Float32Array> => {
      const numbers = new Float32Array(length);
      const { bytesRead } = await file.read(numbers, 0, numbers.byteLength, at);
      if (bytesRead < numbers.byteLength) {
        throw new RunnerError('internal', `The second moments of "${gram.tensor}" were cut short on disk.`);
      }
      at += bytesRead;
      return numbers;
    };
    const { size, rows, groups } = gram;
    const matrices: Float32Array[] = [];
    const means: Float32Array[] = [];
    for (let g = 0; g < groups; g++) matrices.push(await next(size ** 2));
    for (let g = 0; g < groups; g++) means.push(await next(size));
    return { size, rows, matrices, means };
  } finally {
    await file.close();
  }
}
