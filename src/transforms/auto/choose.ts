/**
 * For each layer the smallest form that an EP keeps small and that keeps enough of the weight. The answer is plain
 * edits, so that a recipe with them gives the same model for ever.
 *
 *     const { edits } = await chooseForms(model, { ep: 'webgpu', layers: { all: true }, minSqnrDb: 30 });
 *     const { model: changed } = applyRecipe(model, { version: 1, source, edits });
 */
import { weightBehaviour } from '../../analysis/index.ts';
import type { EpName } from '../../analysis/types.ts';
import { tensorByteLength } from '../../onnx/index.ts';
import type { Model } from '../../onnx/model.ts';
import { applyRecipe } from '../apply.ts';
import type { Rounding } from '../context.ts';
import { formName, weightFormOf } from '../forms.ts';
import { Workspace } from '../graph/workspace.ts';
import type { LayerSelector, QuantizeEdit, Recipe } from '../recipe/recipe.ts';
import { usualWeightType } from '../usual.ts';
import { RoundingSqnrs } from './noise.ts';
import type { PassOptions } from './weight-sqnr.ts';

export interface ChooseOptions extends Omit<PassOptions, 'onLayer' | 'data'> {
  readonly ep: EpName;
  readonly layers: LayerSelector;
  /** Least signal-to-noise ratio of a layer's weight, in dB. Activations that are quantized, too, are not counted. */
  readonly minSqnrDb: number;
}

export interface ChosenForms {
  /** Concrete edits, each naming its layers; empty where nothing can be made smaller. */
  readonly edits: readonly QuantizeEdit[];
  /** In file order, every layer that some form applies to. */
  readonly layers: readonly ChosenLayer[];
}

export interface ChosenLayer {
  readonly node: string;
  /** In English; undefined where the layer stays as it is. */
  readonly form: string | undefined;
  /** Of the form chosen. */
  readonly sqnrDb: number | undefined;
  /** Why it stays as it is. */
  readonly reason: string | undefined;
  /** Stored bytes. */
  readonly beforeBytes: number;
  readonly afterBytes: number;
}

interface Candidate {
  readonly make: MakeEdit;
  readonly edit: QuantizeEdit;
  readonly roundings: readonly Rounding[];
  readonly afterBytes: number;
  /** What the EP will hold. */
  readonly deviceBytes: number;
}

/** @throws OnnxError where a weight holds NaN or an infinity, or cannot be read; the signal's reason when aborted */
export async function chooseForms(model: Model, options: ChooseOptions): Promise<ChosenForms> {
  const byNode = candidatesOf(model, options);
  const all = [...byNode.values()];
  const total = all.reduce((sum, { weightBytes }) => sum + weightBytes, 0);
  const sqnrs = new RoundingSqnrs();
  const layers: ChosenLayer[] = [];
  const nodesOf = new Map<MakeEdit, string[]>();
  let done = 0;
  for (const [node, { candidates, weightBytes, beforeBytes }] of byNode) {
    const { chosen, best } = await firstAbove(candidates, options, sqnrs);
    layers.push(layerOf(node, beforeBytes, chosen, best, options));
    if (chosen !== undefined) {
      const { make } = chosen.candidate;
      nodesOf.set(make, [...(nodesOf.get(make) ?? []), node]);
    }
    done += weightBytes;
    options.onProgress?.(done, total);
  }
  const edits = [...nodesOf].map(([make, nodes]) => make({ nodes }));
  return { edits, layers };
}

interface Found {
  readonly candidate: Candidate;
  readonly sqnrDb: number;
}

/** The smallest candidate that is good enough, else the best of them. */
async function firstAbove(
  candidates: readonly Candidate[],
  { minSqnrDb, signal }: ChooseOptions,
  sqnrs: RoundingSqnrs,
): Promise<{ chosen: Found | undefined; best: Found | undefined }> {
  let best: Found | undefined;
  for (const candidate of candidates) {
    signal?.throwIfAborted();
    const sqnrDb = await sqnrs.of(candidate.roundings, signal);
    const found = { candidate, sqnrDb };
    if (sqnrDb >= minSqnrDb) return { chosen: found, best: found };
    if (best === undefined || sqnrDb > best.sqnrDb) best = found;
  }
  return { chosen: undefined, best };
}

function layerOf(
  node: string,
  beforeBytes: number,
  chosen: Found | undefined,
  best: Found | undefined,
  { ep, minSqnrDb }: ChooseOptions,
): ChosenLayer {
  const base = { node, beforeBytes };
  if (chosen !== undefined) {
    const { candidate, sqnrDb } = chosen;
    const form = formName(candidate.edit);
    return { ...base, form, sqnrDb, reason: undefined, afterBytes: candidate.afterBytes };
  }
  const reason =
    best === undefined
      ? `no form of it stays small on ${ep}`
      : `${formName(best.candidate.edit)} keep ${best.sqnrDb.toFixed(1)} dB of ${minSqnrDb} dB at best`;
  return { ...base, form: undefined, sqnrDb: undefined, reason, afterBytes: beforeBytes };
}

interface Layer {
  readonly candidates: Candidate[];
  readonly weightBytes: number;
  readonly beforeBytes: number;
}

/** By node in file order, with the candidates that stay small on the EP, smallest first. Reads no weight. */
function candidatesOf(model: Model, { ep, layers }: ChooseOptions): Map<string, Layer> {
  const opTypes = new Map([...new Workspace(model).entries].map((e) => [e.id, e.original.opType]));
  const found = new Map<string, Layer>();
  for (const make of candidates()) {
    const edit = make(layers);
    const { changes, roundings: known } = applyRecipe(model, recipeOf(model, edit));
    for (const { node, status, beforeBytes, afterBytes } of changes) {
      const roundings = known.get(node);
      if (status !== 'applied' || roundings === undefined) continue;
      const weightBytes = roundings.reduce((sum, r) => sum + tensorByteLength(r.source.tensor), 0);
      const layer = found.get(node) ?? { candidates: [], weightBytes, beforeBytes };
      found.set(node, layer);
      const opType = opTypes.get(node) ?? '';
      const { fate, ratio = 1 } = weightBehaviour(ep, opType, weightFormOf(edit));
      const deviceBytes = afterBytes * ratio;
      const floatBytes = beforeBytes * (weightBehaviour(ep, opType, 'float32').ratio ?? 1);
      if (fate !== 'small' || deviceBytes >= floatBytes) continue;
      layer.candidates.push({ make, edit, roundings, afterBytes, deviceBytes });
    }
  }
  for (const { candidates } of found.values()) candidates.sort((a, b) => a.deviceBytes - b.deviceBytes);
  const inOrder = [...opTypes.keys()].flatMap((node): [string, Layer][] => {
    const layer = found.get(node);
    return layer === undefined ? [] : [[node, layer]];
  });
  return new Map(inOrder);
}

function recipeOf(model: Model, edit: QuantizeEdit): Recipe {
  const { name, sizeBytes } = model.source.file;
  return { version: 1, source: { name, sizeBytes }, edits: [edit] };
}

type MakeEdit = (layers: LayerSelector) => QuantizeEdit;

const inBlocks =
  (bits: 2 | 4 | 8, blockSize: 16 | 32 | 64 | 128): MakeEdit =>
  (layers) => ({ type: 'quantize', layers, form: 'blocks', bits, blockSize });

const dynamic =
  (granularity: 'per-tensor' | 'per-channel', weightType: 'int8' | 'uint8'): MakeEdit =>
  (layers) => ({
    type: 'quantize',
    layers,
    form: 'dynamic-int8',
    granularity,
    weightType,
    reduceRange: false,
  });

const candidates = (): readonly MakeEdit[] => [
  ...([128, 64, 32, 16] as const).flatMap((size) => ([2, 4, 8] as const).map((bits) => inBlocks(bits, size))),
  // int8 first, but where its products overflow
  ...(usualWeightType() === 'int8'
    ? [dynamic('per-tensor', 'int8'), dynamic('per-channel', 'int8'), dynamic('per-tensor', 'uint8')]
    : [dynamic('per-tensor', 'uint8'), dynamic('per-channel', 'uint8')]),
];
