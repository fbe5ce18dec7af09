/** Samples from a `.npz` or `.npy` file: arrays are matched to inputs, checked, and read batch by batch. */
import path from 'node:path';
import { RunnerError } from '../failure.ts';
import type { InputPlan, PlannedInput } from '../inputs.ts';
import type { NumpySpec } from './spec.ts';
import { ByteReader } from './byte-reader.ts';
import {
  allocate,
  convert,
  elementBytes,
  isConvertible,
  isElementType,
  viewAs,
  type ElementType,
} from './dtype.ts';
import { elementsOf } from './npy.ts';
import { openNumpy, textOf, type NumpyArray, type NumpyFile } from './numpy-file.ts';
import { filledInput, FILLS, type RandomHints } from './random.ts';
import { filledWarning, usableSamples, type Batch, type DataSource, type HostTensor } from './source.ts';

const labelNames = ['labels', 'label', 'targets', 'target', 'y'];

/** An input with the array that feeds it. */
interface Feed {
  readonly input: PlannedInput;
  readonly type: ElementType;
  readonly array: NumpyArray;
  /** Dims of one sample (batch axis left out), or of the whole array where the input has no batch axis. */
  readonly sampleDims: readonly number[];
}

export async function numpySource(
  spec: NumpySpec,
  plan: InputPlan,
  hints: RandomHints = {},
): Promise<DataSource> {
  const file = await openNumpy(spec.path);
  try {
    return describe(spec, plan, file, hints);
  } catch (error) {
    file.close();
    throw error;
  }
}

function describe(spec: NumpySpec, plan: InputPlan, file: NumpyFile, hints: RandomHints): DataSource {
  const name = path.basename(spec.path);
  const labels = file.arrays.find((a) => labelNames.includes(a.name.toLowerCase()) && isLabels(a, plan));
  const arrays = file.arrays.filter((a) => a !== labels);
  const filled = plan.inputs.filter((input) => isFilled(input, spec, arrays, hints));
  const fed = plan.inputs.filter((input) => !filled.includes(input));
  const feeds = fed.map((input) => feedFor(input, { plan, spec }, arrays, name));
  const total = sampleCount(feeds, labels, name);
  const { samples, warning } = usableSamples(Math.min(total, spec.limit ?? Infinity), plan);
  if (samples === 0) {
    throw new RunnerError(
      'data',
      total === 0
        ? `${name} holds no sample.`
        : `${name} holds ${total} samples, fewer than the model's fixed batch of ${plan.batchSize}.`,
    );
  }
  const warnings = feeds
    .filter((f) => f.array.type !== f.type)
    .map((f) => `Array "${f.array.name}" is ${f.array.type}; it was converted to ${f.type}.`);
  const ofFilled = filled.map((input) => filledWarning(input.name, hints));
  return {
    description: `${name}, ${samples === total ? String(total) : `${samples} of ${total}`} samples`,
    samples,
    hasLabels: labels !== undefined,
    fedBy: new Map(feeds.map((f) => [f.input.name, f.array.name])),
    warnings: [...warnings, ...ofFilled, ...(warning === undefined ? [] : [warning])],
    batches: () => readBatches({ feeds, filled, hints }, labels, plan.batchSize, samples),
    close: () => file.close(),
  };
}

/** [n], [n, 1], or a tensor for each sample, which no input asks for. */
function isLabels(array: NumpyArray, plan: InputPlan): boolean {
  return array.shape.length > 0 && !plan.inputs.some((i) => i.name === array.name);
}

/** Without an array of its own: by the mapping, or as the state of a run before. */
function isFilled(
  input: PlannedInput,
  { inputs }: NumpySpec,
  arrays: readonly NumpyArray[],
  hints: RandomHints,
): boolean {
  const wanted = inputs?.[input.name];
  const has = (name: string) => arrays.some((a) => a.name.toLowerCase() === name.toLowerCase());
  if (wanted !== undefined) return FILLS.has(wanted) && !has(wanted);
  return hints[input.name]?.isState === true && !has(input.name);
}

function feedFor(
  input: PlannedInput,
  { plan, spec }: { readonly plan: InputPlan; readonly spec: NumpySpec },
  arrays: readonly NumpyArray[],
  file: string,
): Feed {
  const wanted = spec.inputs?.[input.name] ?? input.name;
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
  const array =
    arrays.find((a) => a.name === wanted) ??
    arrays.find((a) => same(a.name, wanted)) ??
    (plan.inputs.length === 1 && arrays.length === 1 ? arrays[0] : undefined);
  if (array === undefined) {
    const held = arrays.map((a) => `"${a.name}"`).join(', ');
    throw new RunnerError(
      'data',
      `${file} has no array for input "${input.name}"; it holds ${held === '' ? 'none' : held}. Name the arrays as the inputs: numpy.savez(path, **{"${input.name}": …}).`,
    );
  }
  if (!isElementType(input.type) || !isConvertible(array.type, input.type)) {
    throw mismatch(array, input, `type ${input.type}`, array.type, 'Convert it with .astype(…).');
  }
  return { input, type: input.type, array, sampleDims: checkedSample(array, input) };
}

/** Symbolic dims other than the batch are what the array has; fixed dims must agree. */
function checkedSample(array: NumpyArray, input: PlannedInput): number[] {
  const expected = input.dims.map((d, i) => (i === input.batchAxis ? 'samples' : (input.symbols[i] ?? d)));
  const isFit =
    array.shape.length === input.dims.length &&
    array.shape.every(
      (d, i) => i === input.batchAxis || input.symbols[i] !== undefined || d === input.dims[i],
    );
  if (!isFit) {
    throw mismatch(array, input, `shape [${expected.join(', ')}]`, `[${array.shape.join(', ')}]`, '');
  }
  return array.shape.filter((_, axis) => axis !== input.batchAxis);
}

function mismatch(
  array: NumpyArray,
  input: PlannedInput,
  expected: string,
  found: string,
  hint: string,
): RunnerError {
  return new RunnerError(
    'data',
    `Array "${array.name}" does not fit input "${input.name}": expected ${expected}, found ${found}. ${hint}`.trim(),
  );
}

/** All arrays with samples must have as many of them. */
function sampleCount(feeds: readonly Feed[], labels: NumpyArray | undefined, file: string): number {
  const counts = feeds
    .filter((f) => f.input.batchAxis !== undefined)
    .map((f) => ({ name: f.array.name, count: f.array.shape[f.input.batchAxis ?? 0] ?? 0 }));
  if (labels !== undefined) counts.push({ name: labels.name, count: labels.shape[0] ?? 0 });
  const first = counts[0];
  if (first === undefined) return 1;
  const other = counts.find((c) => c.count !== first.count);
  if (other !== undefined) {
    throw new RunnerError(
      'data',
      `${file}: array "${first.name}" has ${first.count} samples, array "${other.name}" has ${other.count}.`,
    );
  }
  return first.count;
}

interface Fed {
  readonly feeds: readonly Feed[];
  readonly filled: readonly PlannedInput[];
  readonly hints: RandomHints;
}

async function* readBatches(
  { feeds, filled, hints }: Fed,
  labels: NumpyArray | undefined,
  batchSize: number,
  samples: number,
): AsyncGenerator<Batch> {
  const first = feeds.filter((f) => f.input.batchAxis === 0);
  const readers = new Map(first.map((f) => [f, new ByteReader(f.array.stream())]));
  const labelReader = labels === undefined ? undefined : new ByteReader(labels.stream());
  try {
    const fixed: Record<string, HostTensor> = {};
    // samples that lie side by side, not one behind the other, are read at once: states, which are small
    const beside = new Map<Feed, HostTensor>();
    for (const feed of feeds) {
      const { batchAxis, name } = feed.input;
      if (batchAxis === undefined) fixed[name] = await readWhole(feed);
      else if (batchAxis > 0) beside.set(feed, await readWhole(feed));
    }
    for (let start = 0; start < samples; start += batchSize) {
      const count = Math.min(batchSize, samples - start);
      const batch: Record<string, HostTensor> = { ...fixed };
      for (const [feed, reader] of readers) {
        batch[feed.input.name] = await readTensor(feed, reader, [count, ...feed.sampleDims]);
      }
      for (const [{ input }, whole] of beside)
        batch[input.name] = cut(whole, input.batchAxis ?? 0, start, count);
      for (const input of filled) batch[input.name] = filledInput(input, hints, start, count);
      const answers =
        labels === undefined || labelReader === undefined
          ? { labels: undefined }
          : await readLabels(labels, labelReader, count);
      yield { count, feeds: batch, ...answers };
    }
  } finally {
    for (const reader of readers.values()) await reader.close();
    await labelReader?.close();
  }
}

async function readWhole(feed: Feed): Promise<HostTensor> {
  const reader = new ByteReader(feed.array.stream());
  try {
    return await readTensor(feed, reader, feed.array.shape);
  } finally {
    await reader.close();
  }
}

/** `count` places of the axis from `start` on. */
function cut({ type, dims, data }: HostTensor, axis: number, start: number, count: number): HostTensor {
  const own = dims.map((d, i) => (i === axis ? count : d));
  const inner = elementsOf(dims.slice(axis + 1));
  const places = dims[axis] ?? 0;
  const result = allocate(type, elementsOf(own));
  for (let o = 0; o < elementsOf(dims.slice(0, axis)); o++) {
    const from = (o * places + start) * inner;
    result.set(data.subarray(from, from + count * inner) as never, o * count * inner);
  }
  return { type, dims: own, data: result };
}

async function readTensor(feed: Feed, reader: ByteReader, dims: readonly number[]): Promise<HostTensor> {
  const { array, type } = feed;
  const bytes = await readElements(array, reader, elementsOf(dims));
  try {
    return { type, dims, data: convert(viewAs(array.type, bytes), array.type, type) };
  } catch (cause) {
    throw new RunnerError(
      'data',
      `Array "${array.name}" cannot feed input "${feed.input.name}": ${textOf(cause)}.`,
      {
        cause,
      },
    );
  }
}

/** One number per sample is a class; more are the tensor that an output should be. */
async function readLabels(
  array: NumpyArray,
  reader: ByteReader,
  count: number,
): Promise<Pick<Batch, 'labels' | 'targets'>> {
  const dims = array.shape.slice(1);
  const size = elementsOf(dims);
  const data = viewAs(array.type, await readElements(array, reader, count * size));
  if (size === 1) return { labels: Array.from(convert(data, array.type, 'float64'), Number) };
  const isFloat16 = array.type === 'float16';
  const type = isFloat16 ? 'float32' : array.type;
  const targets = Array.from({ length: count }, (_, i) => {
    const part = data.slice(i * size, (i + 1) * size);
    const tensor = { type, dims, data: isFloat16 ? convert(part, 'float16', 'float32') : part };
    return { kind: 'tensor', tensor } as const;
  });
  return { labels: undefined, targets };
}

async function readElements(
  array: NumpyArray,
  reader: ByteReader,
  count: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const wanted = count * elementBytes(array.type);
  const bytes = await reader.read(wanted);
  if (bytes.length < wanted) {
    throw new RunnerError('data', `${array.where} is cut short: its data end before its shape does.`);
  }
  return bytes;
}
