/**
 * Where an error starts: values inside both models compared on the same samples, in the order in which they are made.
 * As many at a time as fit under the limit of a pass; what the original gave is on disk until it is compared.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { inferShapes } from '../analysis/shapes/index.ts';
import { DataType, nodeIds, openModel, type Model } from '../onnx/index.ts';
import { byTensor } from './calibrate/keys.ts';
import { planPasses } from './calibrate/passes.ts';
import type { RandomHints } from './data/random.ts';
import { RunnerError } from './failure.ts';
import { planInputs, sizesOf } from './inputs.ts';
import type { ValuesJob, ValuesResult } from './messages.ts';
import { modelInputs } from './model-inputs.ts';
import type { LayersReport, LayersRequest, OutputComparison, Progress, ValuePair } from './types.ts';

/** Values of one batch that one pass holds: both models run once for each pass. */
const usualPassBytes = 256 * 1024 ** 2;

export interface LayersContext {
  readonly scratch: string;
  readonly hints: RandomHints;
  readonly signal: AbortSignal;
  readonly run: (job: ValuesJob) => Promise<ValuesResult>;
  readonly onProgress: (progress: Progress) => void;
}

/** Enough to see where it starts; each sample's values are kept on disk. */
const defaultSamples = 8;

export async function compareLayers(request: LayersRequest, context: LayersContext): Promise<LayersReport> {
  const { pairs, passes } = await planLayers(request, context.signal);
  const found = new Map<string, OutputComparison>();
  const warnings = new Set<string>();
  let data = '';
  for (const [index, pass] of passes.entries()) {
    const file = path.join(context.scratch, `values-${index}`);
    for (const [part, side] of (['original', 'compressed'] as const).entries()) {
      context.onProgress({
        fraction: (index * 2 + part) / (passes.length * 2),
        message: `${side}, pass ${index + 1} of ${passes.length}`,
      });
      const result = await context.run({
        kind: 'values',
        model: request[side],
        session: { ep: request.ep, optimization: 'all', settings: request.session ?? {} },
        dims: request.dims,
        batchSymbols: request.batchSymbols,
        hints: context.hints,
        scratch: context.scratch,
        batchSize: request.batchSize ?? 1,
        data: withLimit(request),
        values: pass.map((name) => ({
          name: side === 'original' ? name : (pairs.get(name)?.compressed ?? name),
          as: name,
        })),
        ...(side === 'original' ? { saveOutputs: file } : { compareWith: file }),
      });
      data = result.dataDescription;
      for (const o of result.outputs) found.set(o.output, o);
      for (const w of result.warnings) warnings.add(w);
    }
    for (const name of [file, `${file}.json`]) await rm(name, { force: true });
  }
  return {
    data,
    layers: [...pairs.values()].flatMap(({ node, opType, original }) => {
      const comparison = found.get(original);
      return comparison === undefined ? [] : [{ node, opType, ...comparison }];
    }),
    warnings: [...warnings],
  };
}

function withLimit({ data, samples = defaultSamples }: LayersRequest): LayersRequest['data'] {
  return data.kind === 'random'
    ? { ...data, samples: Math.min(samples, data.samples) }
    : { ...data, limit: Math.min(samples, data.limit ?? Infinity) };
}

interface Layer {
  readonly node: string;
  readonly opType: string;
  readonly original: string;
  readonly compressed: string;
}

/** Both graphs are looked at; no weight is read. */
async function planLayers(
  request: LayersRequest,
  signal: AbortSignal,
): Promise<{ pairs: ReadonlyMap<string, Layer>; passes: readonly (readonly string[])[] }> {
  const original = await openModel(request.original, { signal });
  try {
    const compressed = await openModel(request.compressed, { signal });
    try {
      const layers = layersOf(original, compressed, request.values);
      if (layers.length === 0) {
        throw new RunnerError('model', 'The two models have no value in common that could be compared.');
      }
      const { batchSize = 1, dims, batchSymbols } = request;
      const plan = planInputs(modelInputs(original), {
        batchSize,
        dims,
        batchSymbols,
        acceptFixedBatch: true,
        data: request.data,
      });
      const targets = byTensor(layers.map((l) => ({ tensor: l.original })));
      const { maxPassBytes = usualPassBytes } = request;
      const limits = { valueBytes: maxPassBytes, matrixBytes: 0 };
      const passes = planPasses(original, targets, sizesOf(plan), limits);
      return {
        pairs: new Map(layers.map((l) => [l.original, l])),
        passes: passes.map((pass) => pass.map((t) => t.tensor)),
      };
    } finally {
      await compressed.source.close();
    }
  } finally {
    await original.source.close();
  }
}

/** Float values in the order they are made; of the given pairs, or of one name in both. */
function layersOf(original: Model, compressed: Model, given: readonly ValuePair[] | undefined): Layer[] {
  const made = new Set(compressed.graph.nodes.flatMap((n) => (n.opType === 'Constant' ? [] : n.outputs)));
  const partner = new Map(given?.map((p) => [p.original, p.compressed]));
  const ids = nodeIds(original.graph.nodes);
  const idOf = new Map(original.graph.nodes.map((n, i) => [n, ids[i] ?? '']));
  const { order, values } = inferShapes(original).main;
  return order.flatMap((node) =>
    node.outputs.flatMap((name): Layer[] => {
      const other = given === undefined ? name : partner.get(name);
      const type = values.get(name);
      const isFloat =
        type?.kind === 'tensor' && (type.elemType === DataType.float || type.elemType === DataType.float16);
      const isKnown = type !== undefined && type.kind !== 'unknown';
      if (node.opType === 'Constant' || other === undefined || !made.has(other)) return [];
      if (name === '' || (isKnown && !isFloat)) return [];
      return [{ node: idOf.get(node) ?? '', opType: node.opType, original: name, compressed: other }];
    }),
  );
}
