/**
 * Which dims of a model's inputs are the batch, and what size the others get.
 *
 *     planInputs([{ name: 'input', type: 'float32', shape: ['batch', 1, 28, 28] }], { batchSize: 8, dims: {} })
 *     // inputs[0].dims = [8, 1, 28, 28], batchAxis 0, isFixedBatch false
 */
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
}

/** RunnerError 'batch' where the file fixes another batch size. */
export function planInputs(infos: readonly TensorInfo[], options: PlanOptions): InputPlan {
  const warnings: string[] = [];
  const batch = batchSymbols(infos, options);
  const named = infos.map((info) => ({ info, symbols: symbolsOf(info) }));
  const inputs = named.map(({ info, symbols }) => {
    const axis = symbols.findIndex((s) => s !== undefined && batch.has(s));
    const dims = info.shape.map((dim, i) => {
      const symbol = symbols[i];
      if (symbol === undefined) return Number(dim);
      return batch.has(symbol) ? options.batchSize : dimSize(symbol, info, i, options.dims, warnings);
    });
    return { ...info, dims, symbols, batchAxis: axis < 0 ? undefined : axis };
  });
  if (inputs.some((i) => i.batchAxis !== undefined)) {
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
function fixedBatch(
  inputs: readonly PlannedInput[],
  { batchSize, acceptFixedBatch = false }: PlanOptions,
): Omit<InputPlan, 'warnings'> {
  // a first dim of another meaning (a length) is no batch
  const first = inputs.find((i) => i.dims.length > 0 && i.symbols[0] === undefined);
  const size = first?.dims[0] ?? 1;
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
    inputs: inputs.map((i) => ({ ...i, batchAxis: isSameBatch(i) ? 0 : undefined })),
  };
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
  const unnamedFirst = infos.filter((i) => i.shape[0] === '').map((i) => `${i.name}.d0`);
  if (byName.length > 0) return new Set([...byName, ...unnamedFirst]);
  if (unnamedFirst.length > 0) return new Set(unnamedFirst);
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
