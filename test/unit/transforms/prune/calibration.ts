/** Calibration by hand: the model is run with the values asked for as outputs. */
import type * as ort from 'onnxruntime-node';
import type { Calibration, CalibrationTarget, Gram, GramTarget } from '../../../../src/analysis/index.ts';
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
      const groups =
        target.kind === 'rows' ? [rowsOf(name, -1)] : patchesOf(seen[name] as ort.Tensor, target);
      const size = groups[0]![0]!.length;
      const matrices = groups.map((rows) => {
        const cell = (i: number) =>
          rows.reduce((sum, r) => sum + r[Math.floor(i / size)]! * r[i % size]!, 0) / rows.length;
        return Float32Array.from({ length: size * size }, (_, i) => cell(i));
      });
      const means = groups.map((rows) =>
        Float32Array.from({ length: size }, (_, i) => rows.reduce((s, r) => s + r[i]!, 0) / rows.length),
      );
      return Promise.resolve({ size, rows: groups[0]!.length, matrices, means });
    },
  };
}

/** What a Conv over [N, C, H, W] multiplies, by group and place: [C / groups, kernel], without padding. */
function patchesOf(
  { data, dims }: ort.Tensor,
  { kernel, strides, dilations, pads, groups }: Extract<GramTarget, { kind: 'patches' }>,
): Float64Array[][] {
  if (typeof pads === 'string' || pads.some((p) => p !== 0)) throw new RangeError('padded: not by hand');
  const [images = 1, channels = 1, height = 1, width = 1] = dims;
  const [kh = 1, kw = 1] = kernel;
  const [sy = 1, sx = 1] = strides;
  const [dy = 1, dx = 1] = dilations;
  const each = channels / groups;
  return Array.from({ length: groups }, (_, g) => {
    const rows: Float64Array[] = [];
    for (let n = 0; n < images; n++)
      for (let y = 0; y + (kh - 1) * dy < height; y += sy)
        for (let x = 0; x + (kw - 1) * dx < width; x += sx)
          rows.push(
            Float64Array.from({ length: each * kh * kw }, (__, i) => {
              const channel = n * channels + g * each + Math.floor(i / (kh * kw));
              const [ky, kx] = [Math.floor(i / kw) % kh, i % kw];
              return Number(data[(channel * height + y + ky * dy) * width + x + kx * dx]);
            }),
          );
    return rows;
  });
}
