/**
 * Samples one by one, made into batches. A reader gives fields (an image, token ids, a column); here each input gets
 * its field, samples are laid along its batch axis, and inputs that no field feeds are filled as random data are.
 */
import { RunnerError } from '../failure.ts';
import type { InputPlan, PlannedInput } from '../inputs.ts';
import { allocate, convert, isConvertible, isElementType, type ElementType } from './dtype.ts';
import { textOf } from './numpy-file.ts';
import { filledInput, FILLS, type RandomHints } from './random.ts';
import {
  filledWarning,
  usableSamples,
  type Batch,
  type DataSource,
  type HostTensor,
  type Target,
} from './source.ts';

export interface Sample {
  /** Without the batch axis. */
  readonly fields: Readonly<Record<string, HostTensor>>;
  readonly target?: Target | undefined;
  /** File or row, for messages. */
  readonly where: string;
}

export interface SampleSet {
  /** What a person reads, e.g. `images, 200 files`. */
  readonly description: string;
  readonly count: number;
  readonly hasLabels: boolean;
  readonly warnings: readonly string[];
  /** The field that feeds each input; an input that is not here is filled. */
  readonly fieldOf: ReadonlyMap<string, string>;
  samples(): AsyncGenerator<Sample>;
  close?(): void;
}

export function sampleSource(
  set: SampleSet,
  plan: InputPlan,
  hints: RandomHints,
  limit = Infinity,
): DataSource {
  const { samples, warning } = usableSamples(Math.min(set.count, limit), plan);
  if (samples === 0) {
    throw new RunnerError(
      'data',
      set.count === 0
        ? `${set.description}: there is no sample.`
        : `${set.description}: fewer than the model's fixed batch of ${plan.batchSize}.`,
    );
  }
  const filled = plan.inputs.filter((i) => !set.fieldOf.has(i.name)).map((i) => i.name);
  return {
    description: samples === set.count ? set.description : `${set.description}, ${samples} of them`,
    samples,
    hasLabels: set.hasLabels,
    warnings: [
      ...set.warnings,
      ...(warning === undefined ? [] : [warning]),
      ...filled.map((name) => filledWarning(name, hints)),
    ],
    fedBy: set.fieldOf,
    batches: () => batches(set, plan, hints, samples),
    close: () => set.close?.(),
  };
}

async function* batches(
  set: SampleSet,
  plan: InputPlan,
  hints: RandomHints,
  samples: number,
): AsyncGenerator<Batch> {
  let waiting: Sample[] = [];
  let start = 0;
  for await (const sample of set.samples()) {
    waiting.push(sample);
    const isLast = start + waiting.length === samples;
    if (waiting.length < plan.batchSize && !isLast) continue;
    yield batchOf(waiting, start, { set, plan, hints });
    start += waiting.length;
    waiting = [];
    if (isLast) return;
  }
  throw new RunnerError('data', `${set.description}: only ${start + waiting.length} samples came.`);
}

function batchOf(
  samples: readonly Sample[],
  start: number,
  { set, plan, hints }: { set: SampleSet; plan: InputPlan; hints: RandomHints },
): Batch {
  const feeds: Record<string, HostTensor> = {};
  for (const input of plan.inputs) {
    const field = set.fieldOf.get(input.name);
    feeds[input.name] =
      field === undefined ? filledInput(input, hints, start, samples.length) : stacked(samples, field, input);
  }
  const targets = samples.map((s) => s.target).filter((t) => t !== undefined);
  const classes = targets.flatMap((t) => (t.kind === 'class' ? [t.value] : []));
  return {
    count: samples.length,
    feeds,
    labels: classes.length === samples.length ? classes : undefined,
    targets: targets.length === samples.length ? targets : undefined,
  };
}

/** The field of every sample along the input's batch axis; of an input without one, the first sample's. */
function stacked(samples: readonly Sample[], field: string, input: PlannedInput): HostTensor {
  const { batchAxis } = input;
  if (!isElementType(input.type)) {
    throw new RunnerError('data', `Input "${input.name}" is of type ${input.type}, which data cannot feed.`);
  }
  const type = input.type;
  const parts = samples.map((s) => fitted(s, field, input, type));
  const [first] = parts;
  if (first === undefined) throw new RunnerError('internal', 'A batch of no samples.');
  if (batchAxis === undefined) return first;
  const dims = [...first.dims.slice(0, batchAxis), parts.length, ...first.dims.slice(batchAxis)];
  const inner = first.dims.slice(batchAxis).reduce((a, b) => a * b, 1);
  const data = allocate(type, first.data.length * parts.length);
  for (const [row, part] of parts.entries()) {
    if (String(part.dims) !== String(first.dims)) {
      throw new RunnerError(
        'data',
        `${samples[row]?.where ?? ''} has shape [${part.dims.join(', ')}] for input "${input.name}", the sample before it [${first.dims.join(', ')}]. Choose batch size 1.`,
      );
    }
    for (let from = 0, outer = 0; from < part.data.length; from += inner, outer++) {
      const at = (outer * parts.length + row) * inner;
      // of one type, as both are of the input's
      (data as Uint8Array).set(part.data.subarray(from, from + inner) as Uint8Array, at);
    }
  }
  return { type, dims, data };
}

/** One sample's field as the input's type, of a shape that the input takes. */
function fitted(sample: Sample, field: string, input: PlannedInput, type: ElementType): HostTensor {
  const value = sample.fields[field];
  const problem = (what: string): RunnerError =>
    new RunnerError('data', `${sample.where}: "${field}" cannot feed input "${input.name}": ${what}.`);
  if (value === undefined) throw problem('it is missing');
  const expected = input.dims.filter((_, axis) => axis !== input.batchAxis);
  const symbols = input.symbols.filter((_, axis) => axis !== input.batchAxis);
  const isFit =
    value.dims.length === expected.length &&
    value.dims.every((d, i) => symbols[i] !== undefined || d === expected[i]);
  if (!isFit) {
    const wanted = expected.map((d, i) => symbols[i] ?? d).join(', ');
    throw problem(`expected shape [${wanted}], found [${value.dims.join(', ')}]`);
  }
  if (!isConvertible(value.type, type)) throw problem(`expected ${type}, found ${value.type}`);
  try {
    return { type, dims: value.dims, data: convert(value.data, value.type, type) };
  } catch (cause) {
    throw problem(textOf(cause));
  }
}

/** The corrected mapping first: field names that are there, `random` or `zeros` for none; then what `guess` says of the rest. */
export function mapInputs(
  plan: InputPlan,
  fields: readonly string[],
  given: Readonly<Record<string, string>> | undefined,
  guess: (input: PlannedInput) => string | undefined,
): Map<string, string> {
  const map = new Map<string, string>();
  for (const input of plan.inputs) {
    const name = given?.[input.name] ?? guess(input);
    if (name === undefined || (FILLS.has(name) && !fields.includes(name))) continue;
    if (!fields.includes(name)) {
      throw new RunnerError(
        'data',
        `The data have no "${name}" for input "${input.name}"; they have ${fields.map((f) => `"${f}"`).join(', ')}.`,
      );
    }
    map.set(input.name, name);
  }
  if (map.size === 0 && plan.inputs.length > 0) {
    const inputs = plan.inputs.map((i) => `"${i.name}" [${i.dims.join(', ')}]`).join(', ');
    throw new RunnerError(
      'data',
      `None of the inputs (${inputs}) looks like ${fields.map((f) => `"${f}"`).join(', ')}. Say which one it feeds.`,
    );
  }
  return map;
}
