/** Calibration by hand: the model is run with the values asked for as outputs. Rows and 1 × 1 patches only. */
import type * as ort from 'onnxruntime-node';
import type { Calibration, CalibrationTarget, Gram } from '../../../../src/analysis/index.ts';
import type { Model } from '../../../../src/onnx/model.ts';
import { value } from '../../../support/model-builder.ts';
import { run, type Feeds } from './zeroed.ts';

export async function calibrate(
  model: Model,
  input: Feeds,
  targets: readonly CalibrationTarget[],
): Promise<Calibration> {
  const names = [...new Set(targets.map((t) => t.tensor))];
  const outputs = [...model.graph.outputs, ...names.map((n) => value(n))];
  const seen = await run({ ...model, graph: { ...model.graph, outputs } }, input);
  const rowsOf = (name: string, axis: number): Float64Array[] => {
    const { data, dims } = seen[name] as ort.Tensor;
    const at = axis < 0 ? axis + dims.length : axis;
    const inner = dims.slice(at + 1).reduce((n, d) => n * d, 1);
    const [size, count] = [dims[at]!, data.length / dims[at]!];
    return Array.from({ length: count }, (_, r) => {
      const base = Math.floor(r / inner) * size * inner + (r % inner);
      return Float64Array.from({ length: size }, (__, c) => Number(data[base + c * inner]));
    });
  };
  return {
    samples: 1,
    statistics: (name, axis = -1) => {
      const rows = rowsOf(name, axis);
      const mean = rows[0]!.map((_, c) => rows.reduce((sum, r) => sum + r[c]!, 0) / rows.length);
      const meanSquare = rows[0]!.map((_, c) => rows.reduce((sum, r) => sum + r[c]! ** 2, 0) / rows.length);
      const stats = { count: rows.length, mean, meanSquare, absMax: mean };
      return { count: rows.length, min: 0, max: 0, channels: stats };
    },
    gram: (name, target): Promise<Gram> => {
      const rows = rowsOf(name, target.kind === 'rows' ? -1 : 1);
      const size = rows[0]!.length;
      const cell = (i: number) =>
        rows.reduce((sum, r) => sum + r[Math.floor(i / size)]! * r[i % size]!, 0) / rows.length;
      const matrix = Float32Array.from({ length: size * size }, (_, i) => cell(i));
      const means = Float32Array.from(
        { length: size },
        (_, i) => rows.reduce((s, r) => s + r[i]!, 0) / rows.length,
      );
      return Promise.resolve({ size, rows: rows.length, matrices: [matrix], means: [means] });
    },
  };
}
