/**
 * Applies every form of edit to each of ONNX's backend tests. Its first input stays one, the others become weights:
 *
 *     npm run conformance:edits -- FOLDER OUT [--only PART]     # of the names of tests
 *
 * FOLDER holds test folders, as for `npm run conformance`. OUT/TEST gets `original.onnx`, one model for each form that
 * applies, and the input; `edits.py OUT` (Python with `onnx` and `onnxruntime`) then checks, runs and compares them.
 */
import { copyFile, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { withCalibration } from '../../src/calibrated.ts';
import { openModel, saveModel, type Model } from '../../src/onnx/index.ts';
import { Runner, RunnerError } from '../../src/runtime/index.ts';
import { applyRecipe, USUAL, type Edit, type Recipe } from '../../src/transforms/index.ts';
import { bundleFolder } from '../../test/unit/runtime/worker-bundle.ts';
import { findTests, readTest, type NodeTest, type TestFiles } from './node-test.ts';

const layers = { all: true } as const;
const { 'dynamic-int8': int8, 'blocks-8': blocks8, 'blocks-4': blocks4, static: qdq, float16 } = USUAL;
const forms: Readonly<Record<string, Edit>> = {
  int8: { ...int8, layers },
  'int8-per-channel': { ...int8, layers, granularity: 'per-channel' },
  blocks8: { ...blocks8, layers },
  blocks4: { ...blocks4, layers },
  'blocks8-dequantize': { ...blocks8, layers, operator: 'DequantizeLinear' },
  static: { ...qdq, layers },
  'static-qoperator': { ...qdq, layers, format: 'qoperator', granularity: 'per-channel' },
  float16: { ...float16, layers },
  'float16-io': { ...float16, layers, keepIo: false },
  bfloat16: { ...float16, layers, to: 'bfloat16' },
  magnitude: { type: 'prune', layers, method: 'magnitude', ratio: 0.1, seed: 1, bias: false },
  channels: { type: 'prune-channels', layers, importance: 'l1', ratio: 0.5, seed: 1 },
  clean: { type: 'clean', unused: true },
};

const [root, out, flag, only = ''] = process.argv.slice(2);
if (root === undefined || out === undefined || (flag !== undefined && flag !== '--only'))
  throw new Error('usage: npm run conformance:edits -- FOLDER OUT [--only PART]');

const bundles = await bundleFolder({ worker: 'src/runtime/worker/main.ts' });
const runner = new Runner({ workerPath: path.join(bundles, 'worker.cjs') });
const counts = new Map<string, number>();
try {
  for (const files of await findTests(root)) {
    if (files.model.includes(only)) await editTest(files, path.join(out, nameOf(root, files)));
  }
} finally {
  await runner.dispose();
  await rm(bundles, { recursive: true });
}
console.log([...counts].map(([form, count]) => `${form} ${count}`).join('\n'));

function nameOf(from: string, { model }: TestFiles): string {
  const file = path.basename(model) === 'model.onnx' ? path.dirname(model) : model.slice(0, -'.onnx'.length);
  return path.relative(from, file).replaceAll(path.sep, '-');
}

async function editTest(files: TestFiles, folder: string): Promise<void> {
  const test = await readTest(files).catch(() => undefined);
  if (test === undefined) return;
  const opened = await openModel(files.model);
  try {
    const original = path.join(folder, 'original.onnx');
    await mkdir(path.join(folder, 'test_data_set_0'), { recursive: true });
    await copyFile(`${files.data}input_0.pb`, path.join(folder, 'test_data_set_0/input_0.pb')).catch(
      () => undefined,
    );
    await saveModel(withWeights(opened, test), original);
  } finally {
    await opened.source.close();
  }
  const model = await openModel(path.join(folder, 'original.onnx'));
  try {
    for (const [form, edit] of Object.entries(forms)) await applyForm(model, folder, form, edit);
  } finally {
    await model.source.close();
  }
}

async function applyForm(model: Model, folder: string, form: string, edit: Edit): Promise<void> {
  const recipe: Recipe = {
    version: 1,
    source: { name: 'original.onnx', sizeBytes: model.source.file.sizeBytes },
    calibration: { path: folder, samples: 8, batchSize: 1 },
    edits: [edit],
  };
  try {
    const { changes, tensors } = applyRecipe(model, recipe);
    if (![...changes, ...tensors].some((c) => c.status === 'applied')) return;
    await withCalibration(
      model,
      recipe,
      { runner: () => runner, ep: 'cpu', dims: {} },
      ({ model: changed }) => saveModel(changed, path.join(folder, `${form}.onnx`)),
    );
    counts.set(form, (counts.get(form) ?? 0) + 1);
  } catch (error) {
    // what ONNX Runtime does not load as it is cannot be calibrated; all else is ours
    if (!(error instanceof RunnerError)) process.exitCode = 1;
    console.log(
      `${path.basename(folder)} ${form}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function withWeights(model: Model, { inputs }: NodeTest): Model {
  const initializers = new Map(model.graph.initializers);
  for (const [name, { tensor }] of [...inputs].slice(1)) if (tensor) initializers.set(name, tensor);
  return {
    ...model,
    graph: {
      ...model.graph,
      initializers,
      inputs: model.graph.inputs.filter((v) => !initializers.has(v.name)),
    },
  };
}
