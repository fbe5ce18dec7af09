/**
 * ONNX's own test data: `test_data_set_0/input_0.pb`, …, one TensorProto a file, and `output_0.pb` as the answer.
 * See https://github.com/onnx/onnx/blob/main/docs/OnnxBackendTest.md
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { dataTypeName, memorySource, openModel, readTensor } from '../../onnx/index.ts';
import { RunnerError } from '../failure.ts';
import type { InputPlan, PlannedInput } from '../inputs.ts';
import { isElementType, viewAs } from './dtype.ts';
import { textOf } from './numpy-file.ts';
import type { OnnxTestsSpec } from './spec.ts';
import type { Sample, SampleSet } from './samples.ts';
import type { HostTensor } from './source.ts';

/** A test set is a few inputs; a file of this size is no tensor for a test. */
const maxFileBytes = 1024 ** 3;

export async function onnxTestSamples(spec: OnnxTestsSpec, plan: InputPlan): Promise<SampleSet> {
  const folders = await testFolders(spec.path);
  const counts = await Promise.all(folders.map((f) => samplesIn(f, plan)));
  const count = counts.reduce((a, b) => a + b, 0);
  const first = folders[0] ?? spec.path;
  const hasAnswer = (await readdir(first)).includes('output_0.pb');
  return {
    description: `${path.basename(spec.path)}, ${folders.length} test sets, ${count} samples`,
    count,
    hasLabels: hasAnswer,
    warnings: [],
    fieldOf: new Map(plan.inputs.map((input, i) => [input.name, spec.inputs?.[input.name] ?? `input_${i}`])),
    samples: () => readFolders(folders, plan, hasAnswer),
  };
}

/** In the order of their numbers. */
async function testFolders(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new RunnerError('data', `Cannot read the folder ${folder}: ${textOf(cause)}.`, { cause });
  });
  if (names.includes('input_0.pb')) return [folder];
  const sets = names
    .filter((n) => /^test_data_set_\d+$/.test(n))
    .sort((a, b) => Number(a.slice(14)) - Number(b.slice(14)));
  if (sets.length === 0) {
    throw new RunnerError('data', `${folder} holds no test_data_set_* folder and no input_0.pb.`);
  }
  return sets.map((n) => path.join(folder, n));
}

async function samplesIn(folder: string, plan: InputPlan): Promise<number> {
  const at = plan.inputs.findIndex((i) => i.batchAxis !== undefined);
  const axis = plan.inputs[at]?.batchAxis;
  if (axis === undefined) return 1;
  const tensor = await readTensorFile(path.join(folder, `input_${at}.pb`));
  return tensor.dims[axis] ?? 1;
}

async function* readFolders(
  folders: readonly string[],
  plan: InputPlan,
  hasAnswer: boolean,
): AsyncGenerator<Sample> {
  for (const folder of folders) {
    const inputs = new Map<string, { tensor: HostTensor; axis: number | undefined }>();
    for (const [i, input] of plan.inputs.entries()) {
      const tensor = await readTensorFile(path.join(folder, `input_${i}.pb`));
      inputs.set(`input_${i}`, { tensor, axis: input.batchAxis });
    }
    const answer = hasAnswer ? await readTensorFile(path.join(folder, 'output_0.pb')) : undefined;
    const count = await samplesIn(folder, plan);
    for (let row = 0; row < count; row++) {
      const fields = [...inputs].map(([name, { tensor, axis }]) => [name, rowOf(tensor, axis, row)] as const);
      const target =
        answer?.dims[0] === count ? ({ kind: 'tensor', tensor: rowOf(answer, 0, row) } as const) : undefined;
      yield { fields: Object.fromEntries(fields), target, where: path.basename(folder) };
    }
  }
}

/** One sample of a tensor that holds several along `axis`. */
function rowOf(tensor: HostTensor, axis: PlannedInput['batchAxis'], row: number): HostTensor {
  if (axis === undefined) return tensor;
  const { type, dims, data } = tensor;
  const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  const outer = dims.slice(0, axis).reduce((a, b) => a * b, 1);
  const rows = dims[axis] ?? 1;
  const out = data.slice(0, outer * inner);
  for (let o = 0; o < outer; o++) {
    const from = (o * rows + row) * inner;
    (out as Uint8Array).set(data.subarray(from, from + inner) as Uint8Array, o * inner);
  }
  return { type, dims: dims.filter((_, i) => i !== axis), data: out };
}

/** A TensorProto in a file of its own, read as the only initializer of a model. */
async function readTensorFile(file: string): Promise<HostTensor> {
  const fail = (why: string, cause?: unknown): RunnerError =>
    new RunnerError('data', `${path.join(path.basename(path.dirname(file)), path.basename(file))}: ${why}.`, {
      cause,
    });
  let bytes: Uint8Array;
  try {
    const { size } = await stat(file);
    if (size > maxFileBytes) throw new Error(`it has ${size} bytes, more than ${maxFileBytes}`);
    bytes = await readFile(file);
  } catch (cause) {
    throw fail(textOf(cause), cause);
  }
  // ModelProto { ir_version: 8, graph: { initializer: bytes } }
  const graph = [0x2a, ...varint(bytes.length)];
  const head = [0x08, 8, 0x3a, ...varint(graph.length + bytes.length), ...graph];
  try {
    const model = await openModel(memorySource(file, Buffer.concat([Uint8Array.from(head), bytes])));
    const [tensor] = model.graph.initializers.values();
    const type = tensor === undefined ? undefined : dataTypeName(tensor.dataType);
    if (tensor === undefined || type === undefined || !isElementType(type)) {
      throw new Error(`it holds no tensor that can be fed (${type ?? 'none'})`);
    }
    const data = viewAs(type, (await readTensor(model, tensor)).slice());
    return { type, dims: tensor.dims, data };
  } catch (cause) {
    throw fail(textOf(cause), cause);
  }
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}
