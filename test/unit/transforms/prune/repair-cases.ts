/** Networks and data for what calibration data decide of pruning. */
import path from 'node:path';
import type * as ort from 'onnxruntime-node';
import { withCalibration, type CalibratedOptions } from '../../../../src/calibrated.ts';
import { openModel, saveModel } from '../../../../src/onnx/index.ts';
import type { Model } from '../../../../src/onnx/model.ts';
import type { CalibrationData, Edit } from '../../../../src/transforms/index.ts';
import { npy, npz, type TestFolder } from '../../runtime/numpy-files.ts';
import { recipe } from '../edits.ts';
import { Net } from './net.ts';
import { feeds, type Feeds } from './zeroed.ts';

export interface Case {
  readonly model: Model;
  readonly input: Feeds;
}

/** Residual blocks of Convs with larger kernels and padding, BatchNormalization after each where asked for. */
export function residual(norm: boolean, blocks: readonly string[] = ['a', 'b', 'c']): Case {
  const net = new Net();
  const layer = (x: string, name: string, sizes: readonly [number, number], kernel: number): string => {
    const y = net.conv(x, name, sizes, { kernel, bias: !norm });
    return norm ? net.norm(y, `${name}.norm`, sizes[0]) : y;
  };
  let x = net.relu(layer('x', 'stem', [8, 2], 3));
  for (const name of blocks) {
    const inner = net.relu(layer(x, `${name}1`, [12, 8], 3));
    x = net.op('Add', [x, layer(inner, `${name}2`, [8, 12], 1)], `${name}.sum`);
  }
  const shape = { x: [32, 2, 6, 6] } as const;
  return { model: net.build(shape, net.conv(x, 'out', [3, 8])), input: feeds(shape) };
}

/** Mean squared difference. */
export const squared = (a: ort.Tensor, b: ort.Tensor): number => {
  const [x, y] = [a.data as Float32Array, b.data as Float32Array];
  return x.reduce((sum, v, i) => sum + (v - (y[i] ?? Infinity)) ** 2, 0) / x.length;
};

interface DataOptions extends Partial<CalibratedOptions> {
  readonly folder: TestFolder;
  readonly runner: CalibratedOptions['runner'];
  /** Of the recipe's calibration. */
  readonly data?: Partial<CalibrationData>;
}

/** Edits applied with the input as calibration data; what `use` gives for the changed model. */
export async function withData<T>(
  { model, input }: Case,
  edits: readonly Edit[],
  use: (changed: Model, warnings: readonly string[]) => Promise<T>,
  { folder, data: of, ...options }: DataOptions,
): Promise<T> {
  const arrays = Object.entries(input).map(([name, { data, dims }]) => [
    name,
    npy(data as Float32Array, { shape: [...dims] }),
  ]);
  const data = await folder.write('data.npz', npz(Object.fromEntries(arrays) as Parameters<typeof npz>[0]));
  const file = path.join(path.dirname(data), 'model.onnx');
  await saveModel(model, file);
  const opened = await openModel(file);
  try {
    const calibration = { path: data, samples: 32, batchSize: 32, ...of };
    const asked = { ep: 'cpu', dims: {}, ...options } as const;
    return await withCalibration(opened, { ...recipe(...edits), calibration }, asked, (applied, warnings) =>
      use(applied.model, warnings),
    );
  } finally {
    await opened.source.close();
  }
}
