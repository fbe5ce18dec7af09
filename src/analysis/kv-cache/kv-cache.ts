/**
 * What a language model keeps of earlier tokens: 2 · layers · heads · head size · tokens · batch · bytes.
 *
 *     kvCache(analyze(model))?.formula // 'batch_size·past_sequence_length·24576'
 */
import { add, dimToString, dimSymbols, evaluateDim, isExpr, isUnknown } from '../dim.ts';
import { internals } from '../memory/analyze.ts';
import { bindSymbols } from '../memory/sizes.ts';
import { dimsOfValue } from '../memory/values.ts';
import type { Analysis, Dim, Figure } from '../types.ts';
import { findCaches, type FoundCache } from './find.ts';

/** One graph input that holds keys, values, or both. */
export interface CacheTensor {
  readonly input: string;
  /** The graph output that takes its place at the next token; undefined where none was found. */
  readonly output: string | undefined;
  readonly holds: 'key' | 'value' | 'both';
  readonly foundBy: 'operator' | 'concat' | 'name';
  /** Heads that keys and values have, and the size of one; undefined where the model does not fix them. */
  readonly heads: number | undefined;
  readonly headSize: number | undefined;
  /** Bytes, in the model's dims. */
  readonly formula: string | undefined;
}

export interface KvCache {
  readonly tensors: readonly CacheTensor[];
  /** Attention layers that keep a cache. */
  readonly layers: number;
  /** Symbols of the batch and of the tokens in the cache; undefined where the model fixes them. */
  readonly batchSymbol: string | undefined;
  readonly sequenceSymbol: string | undefined;
  /** Bytes of all together, in the model's dims: `batch·past_sequence_length·24576`; undefined where not known. */
  readonly formula: string | undefined;
  /** What one token more takes, at batch 1; undefined where the length is fixed or the other dims are not known. */
  readonly bytesPerToken: number | undefined;
  /**
   * Bytes at these dims. ONNX Runtime holds the past and the present at once, unless both are bound to one buffer: the
   * caller's past is in the estimate's activations, too.
   */
  bytesAt(dims: Readonly<Record<string, number>>): Figure;
}

/** Undefined where the model has no cache as an input. */
export function kvCache(analysis: Analysis): KvCache | undefined {
  const { compiled } = internals(analysis);
  const found = findCaches(compiled.program);
  if (found.length === 0) return undefined;
  const total = add(...found.map((c) => c.input.bytes));
  const sequenceSymbol = mostFrequent(found.flatMap((c) => symbolAt(c, c.axis)));
  const batchSymbol = mostFrequent(found.flatMap((c) => symbolAt(c, batchAxis(c))));
  const at = (dims: Readonly<Record<string, number>>): number | undefined =>
    evaluateDim(total, bindSymbols(compiled.inference, dims).dims);
  const ones = (tokens: number): Record<string, number> => ({
    ...(batchSymbol === undefined ? {} : { [batchSymbol]: 1 }),
    ...(sequenceSymbol === undefined ? {} : { [sequenceSymbol]: tokens }),
  });
  return {
    tensors: found.map(tensorOf),
    layers: Math.max(...(['key', 'value'] as const).map((h) => found.filter((c) => holds(c, h)).length)),
    batchSymbol,
    sequenceSymbol,
    formula: textOf(total),
    bytesPerToken: sequenceSymbol === undefined ? undefined : difference(at(ones(2)), at(ones(1))),
    bytesAt: (dims) => figureOf(at(dims), total),
  };
}

function tensorOf(c: FoundCache): CacheTensor {
  const dims = dimsOfValue(c.input) ?? [];
  const afterBatch = batchAxis(c) + 1;
  const heads = dims[c.axis === afterBatch ? afterBatch + 1 : afterBatch];
  const headSize = dims.at(-1);
  const { input, output, foundBy } = c;
  return {
    input: input.name,
    output,
    holds: c.holds,
    foundBy,
    heads: typeof heads === 'number' ? heads : undefined,
    headSize: typeof headSize === 'number' ? headSize : undefined,
    formula: textOf(input.bytes),
  };
}

/** [2, batch, …] where one tensor holds both. */
function batchAxis({ input }: FoundCache): number {
  return (dimsOfValue(input)?.length ?? 4) - 4;
}

function holds(c: FoundCache, what: 'key' | 'value'): boolean {
  return c.holds === what || c.holds === 'both';
}

function symbolAt({ input }: FoundCache, axis: number): string[] {
  const dim = dimsOfValue(input)?.[axis];
  return isExpr(dim) ? [...dimSymbols(dim)].slice(0, 1) : [];
}

function mostFrequent(names: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0];
}

function difference(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a - b;
}

function textOf(bytes: Dim): string | undefined {
  return isUnknown(bytes) ? undefined : dimToString(bytes);
}

function figureOf(bytes: number | undefined, formula: Dim): Figure {
  if (bytes !== undefined) return { bytes, certainty: 'exact' };
  const note = isUnknown(formula) ? formula.reason : 'its size is only known when it runs';
  return { bytes: undefined, certainty: 'unknown', note };
}
