/** Samples from a `.npz` or `.npy` file: arrays are matched to inputs, checked, and read batch by batch. */
import path from 'node:path';
import { RunnerError } from '../failure.ts';
import type { InputPlan, PlannedInput } from '../inputs.ts';
import type { NumpySpec } from './spec.ts';
import { ByteReader } from './byte-reader.ts';
import { convert, elementBytes, isConvertible, isElementType, viewAs, type ElementType } from './dtype.ts';
import { elementsOf } from './npy.ts';
import { openNumpy, textOf, type NumpyArray, type NumpyFile } from './numpy-file.ts';
import { usableSamples, type Batch, type DataSource, type HostTensor } from './source.ts';

const labelNames = ['labels', 'label', 'targets', 'target', 'y'];

/** An input with the array that feeds it. */
interface Feed {
  readonly input: PlannedInput;
  readonly type: ElementType;
  readonly array: NumpyArray;
  /** Dims of one sample (batch axis left out), or of the whole array where the input has no batch axis. */
  readonly sampleDims: readonly number[];
}

export async function numpySource(spec: NumpySpec, plan: InputPlan): Promise<DataSource> {
  const file = await openNumpy(spec.path);
  try {
    return describe(spec, plan, file);
  } catch (error) {
    file.close();
    throw error;
  }
}

function describe(spec: NumpySpec, plan: InputPlan, file: NumpyFile): DataSource {
  const name = path.basename(spec.path);
  const labels = file.arrays.find((a) => labelNames.includes(a.name.toLowerCase()) && isLabels(a, plan));
  const arrays = file.arrays.filter((a) => a !== labels);
  const feeds = plan.inputs.map((input) => feedFor(input, { plan, spec }, arrays, name));
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
  return {
    description: `${name}, ${samples === total ? String(total) : `${samples} of ${total}`} samples`,
    samples,
    hasLabels: labels !== undefined,
    fedBy: new Map(feeds.map((f) => [f.input.name, f.array.name])),
    warnings: warning === undefined ? warnings : [...warnings, warning],
    batches: () => readBatches(feeds, labels, plan.batchSize, samples),
    close: () => file.close(),
  };
}

/** [n], [n, 1], or a tensor for each sample, which no input asks for. */
function isLabels(array: NumpyArray, plan: InputPlan): boolean {
  return array.shape.length > 0 && !plan.inputs.some((i) => i.name === array.name);
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
  if (input.batchAxis !== undefined && input.batchAxis !== 0) {
    throw new RunnerError(
      'data',
      `Input "${input.name}" has its batch at axis ${input.batchAxis}, which cannot be fed from an array; only axis 0 can.`,
    );
  }
  return input.batchAxis === 0 ? array.shape.slice(1) : [...array.shape];
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
    .filter((f) => f.input.batchAxis === 0)
    .map((f) => ({ name: f.array.name, count: f.array.shape[0] ?? 0 }));
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

async function* readBatches(
  feeds: readonly Feed[],
  labels: NumpyArray | undefined,
  batchSize: number,
  samples: number,
): AsyncGenerator<Batch> {
  const batched = feeds.filter((f) => f.input.batchAxis === 0);
  const readers = new Map(batched.map((f) => [f, new ByteReader(f.array.stream())]));
  const labelReader = labels === undefined ? undefined : new ByteReader(labels.stream());
  try {
    const fixed: Record<string, HostTensor> = {};
    for (const feed of feeds) {
      if (feed.input.batchAxis !== 0) fixed[feed.input.name] = await readWhole(feed);
    }
    for (let start = 0; start < samples; start += batchSize) {
      const count = Math.min(batchSize, samples - start);
      const batch: Record<string, HostTensor> = { ...fixed };
      for (const [feed, reader] of readers) {
        batch[feed.input.name] = await readTensor(feed, reader, [count, ...feed.sampleDims]);
      }
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
    return await readTensor(feed, reader, feed.sampleDims);
  } finally {
    await reader.close();
  }
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
