/** The real models quantized statically (QDQ), in the forms of docs/memory.md. */
import path from 'node:path';
import { withCalibration } from '../../src/calibrated.ts';
import { openModel, saveModel } from '../../src/onnx/index.ts';
import type { Runner } from '../../src/runtime/index.ts';
import type { Edit } from '../../src/transforms/index.ts';
import type { Case } from './cases.ts';

interface Form {
  readonly label: string;
  readonly activationType: 'uint8' | 'int8';
  readonly granularity: 'per-tensor' | 'per-channel';
}

const usual: Form = { label: 'static', activationType: 'uint8', granularity: 'per-tensor' };
const perChannel: Form = { ...usual, label: 'static per channel', granularity: 'per-channel' };
const int8: Form = { ...usual, label: 'static int8', activationType: 'int8' };
const more: Readonly<Record<string, readonly Form[]>> = { fmnist_mobres: [usual, perChannel, int8] };
/** Those whose weights all lie in subgraphs, or that are another one in another opset, add nothing. */
const leftOut = /Silero|_bn|opset/;

/** Every float case of `cases` in each of its forms, made in `folder` with synthetic calibration data. */
export async function staticCases(cases: readonly Case[], folder: string, runner: Runner): Promise<Case[]> {
  const made = new Map<string, string>();
  const found: Case[] = [];
  for (const c of cases) {
    if (c.isQuantized || leftOut.test(c.name)) continue;
    for (const form of more[c.name] ?? [usual]) {
      const name = `${c.name}, ${form.label}`;
      const target = made.get(name) ?? path.join(folder, `${name.replaceAll(/[ ,]+/g, '-')}.onnx`);
      if (!made.has(name)) await quantize(c, form, target, runner);
      made.set(name, target);
      found.push({ ...c, name, path: target, isQuantized: true });
    }
  }
  return found;
}

async function quantize(c: Case, form: Form, target: string, runner: Runner): Promise<void> {
  const model = await openModel(c.path);
  try {
    const edit: Edit = {
      type: 'quantize',
      layers: { all: true },
      form: 'static',
      format: 'qdq',
      activationType: form.activationType,
      weightType: 'int8',
      granularity: form.granularity,
      range: 'minmax',
      isSymmetric: form.activationType === 'int8',
    };
    const source = { name: c.name, sizeBytes: model.source.file.sizeBytes };
    const recipe = { version: 1 as const, source, edits: [edit], calibration: { samples: 4, batchSize: 4 } };
    // the batch is the calibration's
    const dims = Object.fromEntries(Object.entries(c.dims).slice(1));
    const options = { runner: () => runner, ep: 'cpu' as const, dims };
    await withCalibration(model, recipe, options, (applied) => saveModel(applied.model, target));
  } finally {
    await model.source.close();
  }
}
