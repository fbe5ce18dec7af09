/** What commands and messages ask of a document: a few figures of it. */
import { laterPeakBytes, largestBatch, type EpName } from '../../src/analysis/index.ts';
import { formatBytes } from '../../src/format.ts';
import { predictedMemory, type PredictedMemory } from '../../src/runtime/index.ts';
import { needsData, recommendForm, type Edit, type LayerChange } from '../../src/transforms/index.ts';
import type { FormName } from '../../src/protocol.ts';
import { nameOfChoice } from '../forms.ts';
import { batchText } from '../views/batch-text.ts';
import { whatCanBeDone } from '../views/estimate-view.ts';
import { isNoteworthy, layerStates } from '../views/layers.ts';
import { totalsNotes } from '../views/totals.ts';
import type { Shown } from './shown.ts';

export interface PeakFigure {
  /** Undefined: unknown. */
  readonly bytes: number | undefined;
  readonly isAtLeast: boolean;
  /** e.g. ` @ batch 8` */
  readonly batch: string;
  readonly notes: readonly string[];
}

export function peak(shown: Shown): PeakFigure {
  const { heldPeak } = shown.estimate;
  return {
    bytes: heldPeak.bytes,
    isAtLeast: heldPeak.certainty === 'atLeast',
    batch: batchText(shown),
    notes: totalsNotes(shown.estimate),
  };
}

/** Before and after the recipe. */
export function savings({ estimate, estimateBefore }: Shown) {
  return {
    weights: [estimateBefore.parameterBytes, estimate.parameterBytes] as const,
    peaks: [estimateBefore.heldPeak.bytes, estimate.heldPeak.bytes] as const,
  };
}

/** What the allocator of the provider, and the process, will hold at other dims. */
export function peaksAt(
  { snapshot, options }: Shown,
  dims: Readonly<Record<string, number>>,
  ep: EpName,
): Record<'original' | 'changed', PredictedMemory> {
  const at = { ...options, dims: { ...options.dims, ...dims }, ep, isRepeated: true };
  return {
    original: predictedMemory(snapshot.file.analysis().estimate(at)),
    changed: predictedMemory(snapshot.analysis().estimate(at)),
  };
}

/** What is held at the peak from the second run on, where that is known and not what the first run holds. */
export function laterPeak({ snapshot, options, estimate }: Shown): number | undefined {
  if (options.ep !== 'cpu') return undefined;
  const bytes = laterPeakBytes(snapshot.analysis().estimate({ ...options, isRepeated: true }));
  return bytes === estimate.heldPeak.bytes ? undefined : bytes;
}

/** Undefined where none fits, or nothing can be said. */
export function largestBatchOn(
  { snapshot, options }: Shown,
  ep: EpName,
  budgetBytes: number,
): number | undefined {
  const found = largestBatch(snapshot.analysis(), { ...options, ep, budgetBytes });
  return found.kind === 'fits' ? found.batch : undefined;
}

/** Which layer of the original a node belongs to, with its name. */
export function layerNames({ estimateBefore }: Shown): ReadonlyMap<string, { id: string; name: string }> {
  return new Map(
    estimateBefore.layers.flatMap(({ id, name, nodes }) =>
      nodes.map((node) => [node, { id, name }] as const),
    ),
  );
}

export interface QuantizableLayer {
  readonly id: string;
  readonly name: string;
  readonly opType: string;
  readonly parameterBytes: number;
}

/** Largest first. */
export function quantizableLayers(shown: Shown): QuantizableLayer[] {
  return layerStates(shown)
    .filter((layer) => whatCanBeDone(shown, layer).canQuantize)
    .sort((a, b) => b.parameterBytes - a.parameterBytes)
    .map(({ id, name, opType, parameterBytes }) => ({ id, name, opType, parameterBytes }));
}

/** The form that stays small on the EP for the operator that holds most of the weights. */
export function recommendedForm({ estimateBefore, options }: Shown): FormName | undefined {
  const bytes = new Map<string, number>();
  for (const { opType, parameterBytes } of estimateBefore.layers)
    bytes.set(opType, (bytes.get(opType) ?? 0) + parameterBytes);
  const [heaviest] = [...bytes].sort(([, a], [, b]) => b - a);
  const choice = heaviest && recommendForm(options.ep, heaviest[0]);
  return choice && nameOfChoice(choice);
}

export interface EditsOutcome {
  readonly changed: number;
  /** Why layers would be left as they are. */
  readonly blocked: readonly { readonly layer: string; readonly reason: string }[];
}

/** What more edits would change. */
export function outcomeOf(shown: Shown, edits: readonly Edit[]): EditsOutcome {
  const next = shown.preview(edits);
  const first = next.recipe.edits.length - edits.length;
  const { changes, tensors } = next.applied();
  const own = changes.filter((c) => c.edit >= first);
  const ownTensors = tensors.filter((t) => t.edit >= first);
  // calls of functions are no layers, but all that is asked of them
  const isAsked = (c: LayerChange, edit: Edit | undefined): boolean =>
    edit?.type === 'clean' || isNoteworthy(c, edit);
  const blocked = own.filter((c) => c.status === 'blocked' && isAsked(c, edits[c.edit - first]));
  const kept = ownTensors.filter((t) => t.status === 'blocked');
  return {
    changed: [...own, ...ownTensors].filter((c) => c.status === 'applied').length,
    blocked: [
      ...blocked.map((c) => ({ layer: c.node, reason: c.reason ?? '' })),
      ...kept.map((t) => ({ layer: t.name, reason: t.reason ?? '' })),
    ],
  };
}

/** Nodes of the original by which a layer's edits are taken back. */
export function changedNodes({ snapshot }: Shown, layerId: string): string[] {
  return snapshot
    .layers()
    .changes(layerId)
    .flatMap((c) => (c.by === undefined ? [c.node] : [c.node, c.by]));
}

/** Whether an input is one of a tokenizer's. */
export function takesTokens({ snapshot }: Shown): boolean {
  return snapshot.base.model.graph.inputs.some((i) => /(^|_|\b)(ids|tokens?)$/i.test(i.name));
}

export function needsCalibration({ snapshot }: Shown): boolean {
  return needsData(snapshot.applied());
}

/** One line per layer, heaviest first, for a language model. */
export function heaviestLayers(shown: Shown, count: number): string[] {
  return layerStates(shown)
    .sort((a, b) => b.parameterBytes - a.parameterBytes)
    .slice(0, count)
    .map((l) => `${l.id}\t${l.opType}\t${l.parameterBytes}\t${l.activationBytes ?? 'unknown'}`);
}

/** What the recipe did, for a language model; `reason` where it did nothing. */
export function quantizedReport(shown: Shown): { lines: string[]; reason?: string } {
  const { snapshot } = shown;
  const { changes } = snapshot.applied();
  if (changes.every((c) => c.status === 'blocked'))
    return { lines: [], reason: changes[0]?.reason ?? 'the model has no layer that can be quantized' };
  const [before, after] = [snapshot.estimateBefore({}), snapshot.estimate({})];
  const blocked = changes.filter((c) => c.status === 'blocked' && c.beforeBytes > 0);
  return {
    lines: [
      `weights ${formatBytes(before.parameterBytes)} -> ${formatBytes(after.parameterBytes)}`,
      `${changes.length - blocked.length} layers quantized`,
      ...blocked.map((c) => `kept: ${c.node}: ${c.reason ?? ''}`),
    ],
  };
}
