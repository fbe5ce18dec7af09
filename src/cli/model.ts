/** Opens a model for one command and closes it whatever happens. */
import type { Analysis } from '../analysis/types.ts';
import { openModel, type Model } from '../onnx/index.ts';
import { UsageError } from './failure.ts';

export async function withModel<T>(
  file: string,
  signal: AbortSignal,
  use: (model: Model) => T | Promise<T>,
): Promise<T> {
  const model = await openModel(file, { signal });
  try {
    return await use(model);
  } finally {
    await model.source.close();
  }
}

export type Dims = Readonly<Record<string, number>>;

/** Refuses dims that none of the models has: a typo must not go unnoticed. */
export function refuseUnknownDims(dims: Dims, analyses: readonly Analysis[]): void {
  const known = [...new Set(analyses.flatMap((a) => a.symbols.map((s) => s.name)))];
  for (const name of Object.keys(dims)) {
    if (known.includes(name)) continue;
    const which = analyses.length === 1 ? 'the model has' : 'the models have';
    throw new UsageError(
      `${which} no dim "${name}"; ${known.length === 0 ? 'all dims are fixed' : `there are: ${known.join(', ')}`}`,
    );
  }
}

/** The dims that are the batch, at `size`. */
export function batchDims(analysis: Analysis, size: number): Dims {
  return Object.fromEntries(batchSymbols(analysis).map((name) => [name, size]));
}

export function batchSymbols(analysis: Analysis): string[] {
  return analysis.symbols.filter((s) => s.isBatch && !s.isDerived).map((s) => s.name);
}

/** The batch that the file fixes: the first fixed first dim of an input; undefined where it can be chosen. */
export function fixedBatch(analysis: Analysis): number | undefined {
  if (batchSymbols(analysis).length > 0) return undefined;
  const { inputs, initializers } = analysis.model.graph;
  for (const { name, type } of inputs) {
    const first = type?.kind === 'tensor' && !initializers.has(name) ? type.shape?.[0] : undefined;
    if (first?.kind === 'size') return first.size;
  }
  return 1;
}
