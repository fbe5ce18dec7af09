/**
 * Random inputs in ranges that make sense: ids within the vocabulary, masks of ones, images in 0..1, other floats
 * from a standard normal. Sample i is the same whatever the batch size, so that figures can be compared across sizes.
 */
import { RunnerError } from '../failure.ts';
import type { InputPlan, PlannedInput } from '../inputs.ts';
import type { RandomSpec } from './spec.ts';
import { numberToHalf } from '../../onnx/index.ts';
import { allocate, elementKind, isElementType, type ElementType } from './dtype.ts';
import { usableSamples, type Batch, type DataSource, type HostTensor } from './source.ts';

/** What the graph says of an input beyond its type. */
export type RandomHints = Readonly<Record<string, InputHint>>;

interface InputHint {
  /** Of ids. */
  readonly exclusiveMax?: number | undefined;
  /** It is what the run before gave: zeros, to begin with. */
  readonly isState?: boolean | undefined;
}

type Fill = (random: () => number, index: number) => number;

export function randomSource(spec: RandomSpec, plan: InputPlan, hints: RandomHints): DataSource {
  const inputs = plan.inputs.map((input) => preparedInput(input, hints));
  const { samples, warning } = usableSamples(Math.max(spec.samples, plan.batchSize), plan);
  async function* batches(): AsyncGenerator<Batch> {
    for (let start = 0; start < samples; start += plan.batchSize) {
      const count = Math.min(plan.batchSize, samples - start);
      const feeds = inputs.map((i) => [i.input.name, fillInput(i, spec.seed, start, count)] as const);
      yield { count, feeds: Object.fromEntries(feeds), labels: undefined };
      await Promise.resolve();
    }
  }
  return {
    description: `random inputs, ${samples} samples, seed ${spec.seed}`,
    samples,
    hasLabels: false,
    fedBy: new Map(),
    warnings: warning === undefined ? [] : [warning],
    batches,
    close: () => undefined,
  };
}

/** One input of `count` samples from sample `start` on, as random data would have it with seed 0. */
export function filledInput(
  input: PlannedInput,
  hints: RandomHints,
  start: number,
  count: number,
): HostTensor {
  return fillInput(preparedInput(input, hints), 0, start, count);
}

interface PreparedInput {
  readonly input: PlannedInput;
  readonly type: ElementType;
  readonly fill: Fill;
}

function preparedInput(input: PlannedInput, hints: RandomHints): PreparedInput {
  if (!isElementType(input.type)) {
    throw new RunnerError(
      'data',
      `Input "${input.name}" is of type ${input.type}, for which no random values can be made. Give the inputs as an .npz file.`,
    );
  }
  const { exclusiveMax, isState } = hints[input.name] ?? {};
  return {
    input,
    type: input.type,
    fill: isState === true ? () => 0 : fillFor(input, input.type, exclusiveMax),
  };
}

/** What feeds an input that no data do, as a mapping names it. */
export const FILLS: ReadonlySet<string> = new Set(['random', 'zeros']);

/** Hints with the states that a mapping makes of inputs. */
export function withZeros(hints: RandomHints, inputs: Readonly<Record<string, string>> = {}): RandomHints {
  const zeros = Object.entries(inputs).filter(([, field]) => field === 'zeros');
  return { ...hints, ...Object.fromEntries(zeros.map(([name]) => [name, { isState: true }])) };
}

/** By name first (what exporters call masks, positions, rates), then by type and rank. */
const byName: readonly { readonly pattern: RegExp; readonly fill: Fill }[] = [
  { pattern: /mask/i, fill: () => 1 },
  { pattern: /token_type|segment/i, fill: () => 0 },
  { pattern: /past|cache/i, fill: () => 0 },
  { pattern: /^(?:sr|sample_?rate|sampling_?rate)$/i, fill: () => 16_000 },
];

function fillFor(input: PlannedInput, type: ElementType, exclusiveMax: number | undefined): Fill {
  const named = byName.find(({ pattern }) => pattern.test(input.name));
  if (named !== undefined) return named.fill;
  switch (elementKind(type)) {
    case 'bool':
      return () => 1;
    case 'int': {
      const length = input.dims.at(-1) ?? 1;
      if (/position/i.test(input.name)) return (_random, index) => index % length;
      // 2: without knowledge of the vocabulary, only 0 and 1 are sure to be in it
      const limit = exclusiveMax ?? (type === 'uint8' ? 256 : 2);
      return (random) => Math.floor(random() * limit);
    }
    case 'float': {
      const isImage = input.dims.length === 4 && [1, 3, 4].includes(input.dims[1] ?? 0);
      return isImage ? (random) => random() : normal;
    }
  }
}

/** Standard normal by Box and Muller's transform. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** `count` samples from sample `start` on; each sample is drawn by itself and laid along the batch axis. */
function fillInput(
  { input, type, fill }: PreparedInput,
  seed: number,
  start: number,
  count: number,
): HostTensor {
  const axis = input.batchAxis;
  const dims = input.dims.map((d, i) => (i === axis ? count : d));
  const data = allocate(
    type,
    dims.reduce((a, b) => a * b, 1),
  );
  const inner = axis === undefined ? data.length : product(dims.slice(axis + 1));
  const outer = axis === undefined ? 1 : product(dims.slice(0, axis));
  const rows = axis === undefined ? 1 : count;
  const isBig = data instanceof BigInt64Array || data instanceof BigUint64Array;
  for (let row = 0; row < rows; row++) {
    const random = generator(seed, input.name, axis === undefined ? 0 : start + row);
    for (let o = 0; o < outer; o++) {
      const at = (o * rows + row) * inner;
      for (let i = 0; i < inner; i++) {
        const value = fill(random, o * inner + i);
        if (isBig) data[at + i] = BigInt(value);
        else data[at + i] = type === 'float16' ? numberToHalf(value) : value;
      }
    }
  }
  return { type, dims, data };
}

function product(dims: readonly number[]): number {
  return dims.reduce((a, b) => a * b, 1);
}

/** Numbers in [0, 1) that depend on seed, input and sample only: mulberry32 begun by an FNV-1a hash. */
export function generator(seed: number, name: string, sample: number): () => number {
  let state = 0x811c9dc5;
  for (const code of Array.from(name, (c) => c.codePointAt(0) ?? 0).concat(seed | 0, sample | 0)) {
    for (let shift = 0; shift < 32; shift += 8) {
      state = Math.imul(state ^ ((code >>> shift) & 0xff), 0x01000193);
    }
  }
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
