/**
 * Which dims of a model's inputs are the batch, and what size the others get.
 *
 *     planInputs([{ name: 'input', type: 'float32', shape: ['batch', 1, 28, 28] }], { batchSize: 8, dims: {} })
 *     // inputs[0].dims = [8, 1, 28, 28], batchAxis 0, isFixedBatch false
 */
import { isBatchOfState } from '../analysis/shapes/symbols.ts';
import { RunnerError } from './failure.ts';

/** An input or output as the session declares it; a dim is a size or the symbol's name ('' where it has none). */
export interface TensorInfo {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

export interface PlannedInput extends TensorInfo {
  /** Every dim with a size, at the full batch. */
  readonly dims: readonly number[];
  /** The name of each dim: the symbol, `input.d0` where it has none, undefined where it is fixed. */
  readonly symbols: readonly (string | undefined)[];
  /** Undefined: the same value for every batch. */
  readonly batchAxis: number | undefined;
}

export interface InputPlan {
  readonly batchSize: number;
  /** The batch is a number in the file: a last, smaller batch cannot be run. */
  readonly isFixedBatch: boolean;
  readonly inputs: readonly PlannedInput[];
  readonly warnings: readonly string[];
}

export interface PlanOptions {
  readonly batchSize: number;
  /** Sizes of the symbolic dims other than the batch. */
  readonly dims: Readonly<Record<string, number>>;
  /** Symbols that are the batch, where the caller knows; guessed by name and position otherwise. */
  readonly batchSymbols?: readonly string[] | undefined;
  /** Take the batch that the file fixes, where it does, instead of `batchSize`. */
  readonly acceptFixedBatch?: boolean | undefined;
  /** Whose `batchAxes` say where the samples of an input lie. */
  readonly data?: { readonly batchAxes?: BatchAxes | undefined } | undefined;
}

/** By input: the axis that samples lie along, where its dims do not tell; null: all samples have the same value. */
export type BatchAxes = Readonly<Record<string, number | null>>;

/** RunnerError 'batch' where the file fixes another batch size. */
export function planInputs(infos: readonly TensorInfo[], options: PlanOptions): InputPlan {
  const warnings: string[] = [];
  const batch = batchSymbols(infos, options);
  const named = infos.map((info) => ({ info, symbols: symbolsOf(info) }));
  const inputs = named.map(({ info, symbols }) => {
    const given = givenAxis(info, options);
    const axis =
      given === undefined ? symbols.findIndex((s) => s !== undefined && batch.has(s)) : (given ?? -1);
    const dims = info.shape.map((dim, i) => {
      const symbol = symbols[i];
      if (symbol === undefined) return Number(dim);
      const isBatch = batch.has(symbol) || i === given;
      return isBatch ? options.batchSize : dimSize(symbol, info, i, options.dims, warnings);
    });
    return { ...info, dims, symbols, batchAxis: axis < 0 ? undefined : axis };
  });
  if (inputs.some((i) => i.batchAxis !== undefined && i.symbols[i.batchAxis] !== undefined)) {
    return { batchSize: options.batchSize, isFixedBatch: false, inputs, warnings };
  }
  return { ...fixedBatch(inputs, options), warnings };
}

/** Every symbol at its own size, 1 for a batch that was given none; nothing is counted as samples. */
export function planAtDims(infos: readonly TensorInfo[], dims: Readonly<Record<string, number>>): InputPlan {
  const warnings: string[] = [];
  const batch = batchSymbols(infos, { batchSize: 1, dims: {} });
  const inputs = infos.map((info) => {
    const symbols = symbolsOf(info);
    const sizes = info.shape.map((dim, i) => {
      const symbol = symbols[i];
      if (symbol === undefined) return Number(dim);
      return batch.has(symbol) ? (dims[symbol] ?? 1) : dimSize(symbol, info, i, dims, warnings);
    });
    return { ...info, dims: sizes, symbols, batchAxis: undefined };
  });
  return { batchSize: 1, isFixedBatch: false, inputs, warnings };
}

/** No symbolic batch: the first dim of the first input that has one is it. */
function fixedBatch(inputs: readonly PlannedInput[], options: PlanOptions): Omit<InputPlan, 'warnings'> {
  const { batchSize, acceptFixedBatch = false } = options;
  const given = inputs.find((i) => i.batchAxis !== undefined);
  // a first dim of another meaning (a length) is no batch
  const first = given ?? inputs.find((i) => i.dims.length > 0 && i.symbols[0] === undefined);
  const size = first?.dims[given?.batchAxis ?? 0] ?? 1;
  if (size !== batchSize && !acceptFixedBatch) {
    throw new RunnerError(
      'batch',
      first === undefined
        ? `The model has no batch dimension, so batch size ${batchSize} cannot be run. Choose 1.`
        : `Input "${first.name}" has a fixed batch of ${size}, so batch size ${batchSize} cannot be run. Choose ${size}, or make the first dimension symbolic.`,
    );
  }
  const isSameBatch = (i: PlannedInput) => i.symbols[0] === undefined && i.dims[0] === size;
  return {
    batchSize: size,
    isFixedBatch: true,
    inputs: inputs.map((i) => {
      const axis = givenAxis(i, options);
      if (axis === undefined) return { ...i, batchAxis: isSameBatch(i) ? 0 : undefined };
      if (axis !== null && i.dims[axis] !== size) {
        const message = `Input "${i.name}" has ${i.dims[axis] ?? 0} places along axis ${axis}, where "${first?.name ?? ''}" has a fixed batch of ${size}.`;
        throw new RunnerError('batch', message);
      }
      return { ...i, batchAxis: axis ?? undefined };
    }),
  };
}

/** Undefined where nothing is said of the input. @throws RunnerError 'batch' where it has no such axis */
function givenAxis({ name, shape }: TensorInfo, { data }: PlanOptions): number | null | undefined {
  const axis = data?.batchAxes?.[name];
  if (axis === undefined || axis === null || (axis >= 0 && axis < shape.length)) return axis;
  throw new RunnerError(
    'batch',
    `Input "${name}" has ${shape.length} dims and no axis ${axis} for its batch.`,
  );
}

/** Every symbol with its size, the batch included. */
export function sizesOf({ inputs }: InputPlan): Record<string, number> {
  const sizes: Record<string, number> = {};
  for (const { symbols, dims } of inputs) {
    for (const [axis, symbol] of symbols.entries()) if (symbol !== undefined) sizes[symbol] = dims[axis] ?? 1;
  }
  return sizes;
}

function symbolsOf(info: TensorInfo): (string | undefined)[] {
  return info.shape.map((dim, axis) =>
    typeof dim === 'number' ? undefined : dim === '' ? `${info.name}.d${axis}` : dim,
  );
}

const batchName = /batch|^(?:n|b|bs)$/i;
const lengthName = /seq|len|time|frame|token|step|height|width|^(?:t|l|s|h|w)$/i;

function batchSymbols(infos: readonly TensorInfo[], options: PlanOptions): ReadonlySet<string> {
  if (options.batchSymbols !== undefined) return new Set(options.batchSymbols);
  const all = infos.flatMap(symbolsOf).filter((s) => s !== undefined);
  const byName = all.filter((s) => batchName.test(s));
  // files without dim names say nothing else than the position
  const unnamed = infos.flatMap((info) =>
    info.shape.flatMap((dim, axis) => {
      const symbol = `${info.name}.d${axis}`;
      const isBatch = axis === 0 || isBatchOfState(symbol, { axis, rank: info.shape.length });
      return dim === '' && isBatch ? [symbol] : [];
    }),
  );
  if (byName.length > 0) return new Set([...byName, ...unnamed]);
  if (unnamed.length > 0) return new Set(unnamed);
  const first = infos
    .map((i) => symbolsOf(i)[0])
    .find((s) => s !== undefined && !lengthName.test(s) && options.dims[s] === undefined);
  return new Set(first === undefined ? [] : [first]);
}

/** What a dim without a given size gets, by name, and by position in an image. */
function dimSize(
  symbol: string,
  info: TensorInfo,
  axis: number,
  dims: Readonly<Record<string, number>>,
  warnings: string[],
): number {
  const given = dims[symbol];
  if (given !== undefined) return given;
  const isImageSide = (info.shape.length === 4 && axis >= 2) || /height|width|^[hw]$/i.test(symbol);
  const size = /past/i.test(symbol) ? 0 : isImageSide ? 224 : lengthName.test(symbol) ? 16 : 1;
  const warning = `Dimension "${symbol}" was given no size; ${size} was used.`;
  if (!warnings.includes(warning)) warnings.push(warning);
  return size;
}
