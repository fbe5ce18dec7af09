/**
 * Applies a recipe: `applyRecipe(model, recipe)` gives the changed model at once, without reading a weight. Its new
 * tensors are `computed`: their data are made in a stream when the model is saved or a tensor is read.
 */
import type { Calibration, CalibrationTarget } from '../analysis/index.ts';
import type { Model, StringEntry } from '../onnx/model.ts';
import type { Proposal, PulledEntry, Rounding, StepContext } from './context.ts';
import { cleanModel } from './clean/step.ts';
import { buildModel } from './graph/build.ts';
import { Workspace, type Entry } from './graph/workspace.ts';
import { pruneWarnings } from './prune/step.ts';
import { writtenWeights } from './prune/written.ts';
import type { ScoredGroup } from './prune/channels/budget.ts';
import type { RepairStage, RepairValues } from './prune/channels/repair/stage.ts';
import type { LayerChange, LayersEdit, Recipe, TensorChange, Warning } from './recipe/recipe.ts';
import { serializeRecipe } from './recipe/json.ts';
import { selectEntries } from './select.ts';
import { propose } from './steps.ts';
import { allConstantBytes, isBlocked, type Blocked } from './weights/find.ts';

/** Key in the model's metadata under which the recipe is kept. */
export const RECIPE_METADATA_KEY = 'vram_lens.recipe';

export interface AppliedRecipe {
  /** The very model given where no edit could be applied. */
  readonly model: Model;
  /** In the order of edits, then of layers in the file (or as the edit lists them). */
  readonly changes: readonly LayerChange[];
  /** Of edits of initializers. */
  readonly tensors: readonly TensorChange[];
  readonly warnings: readonly Warning[];
  /**
   * By id in the original model, as `writtenOut` gives it: ids, in the changed model, of the nodes that stand in its
   * place. Unnamed nodes are counted, so that nodes no edit touched have other ids, too. Empty where the model is the
   * one given.
   */
  readonly idsAfter: ReadonlyMap<string, readonly string[]>;
  /** What calibration data must tell before the changed model can be written; empty where no edit needs any. */
  readonly calibrationTargets: readonly CalibrationTarget[];
  /** Repairs of layers that are to be worked out before the changed model can be written, in their order. */
  readonly repairs: readonly RepairStage[];
  /**
   * Of edits that remove channels: reads how much the channels matter of which some go, for `sharedRatios`. Streams
   * weights, and needs what `calibrationTargets` asks for.
   */
  readonly channelScores: readonly ChannelScoring[];
  /** By id in the original model: how the layer's weights are rounded, where that is known, or how pruning leaves them. */
  readonly roundings: ReadonlyMap<string, readonly Rounding[]>;
  /** Those of them whose weights are what calibration data make them. */
  readonly calibrated: ReadonlySet<string>;
}

export interface ChannelScoring {
  /** Its index in the recipe: one edit has a part for each graph that it changes. */
  readonly edit: number;
  readonly read: (signal?: AbortSignal) => Promise<readonly ScoredGroup[]>;
}

/** Whether calibration data have to run before the changed model can be written. */
export function needsData({ calibrationTargets, repairs }: AppliedRecipe): boolean {
  return calibrationTargets.length + repairs.length > 0;
}

export interface ApplyOptions {
  /** What `AppliedRecipe.calibrationTargets` of an earlier call asked for; without it those tensors cannot be made. */
  readonly calibration?: Calibration | undefined;
  /** What was found by `AppliedRecipe.repairs`, or is being found. */
  readonly repaired?: RepairValues | undefined;
}

export function applyRecipe(model: Model, recipe: Recipe, options: ApplyOptions = {}): AppliedRecipe {
  const { model: cleaned, tensors, calls } = cleanModel(model, recipe);
  const ws = new Workspace(cleaned);
  const warnings: Warning[] = [];
  const { calibration, repaired } = options;
  const repairs: RepairStage[] = [];
  const channelScores: ChannelScoring[] = [];
  const targets = new Map<string, CalibrationTarget>();
  const roundings = new Map<string, readonly Rounding[]>();
  const calibrated = new Set<string>();
  const pruned = new Set<Entry>();
  const made = new Map<string, unknown>();
  const ends = { atEnd: [], atLast: [] };
  const shared = {
    ws,
    calibration,
    repaired,
    made,
    ...ends,
    targets,
    roundings,
    calibrated,
    pruned,
    repairs,
    channelScores,
  };
  const layers = recipe.edits.flatMap((edit, index) =>
    edit.type === 'clean' ? [] : applyEdit(shared, edit, index, warnings),
  );
  const merged = mergeWarnings([...warnings, ...atEnd(shared)]);
  if ([...calls, ...layers, ...tensors].every((c) => c.status === 'blocked')) {
    return {
      model,
      changes: [...calls, ...layers],
      tensors,
      warnings: merged,
      idsAfter: new Map(),
      calibrationTargets: [],
      repairs: [],
      channelScores: [],
      roundings: new Map(),
      calibrated: new Set(),
    };
  }
  for (const entry of pruned) {
    const written = writtenWeights(ws, entry);
    if (written.length > 0) roundings.set(entry.id, written);
  }
  raised(ws, model, merged);
  const { model: changed, idsAfter } = buildModel(ws, metadataWith(model, recipe));
  const changes = layers.map((c) => ({ ...c, nodesAfter: idsAfter.get(c.node) ?? [] }));
  const written = calls.map((c) => ({
    ...c,
    nodesAfter: c.nodesAfter.flatMap((id) => idsAfter.get(id) ?? []),
  }));
  return {
    model: changed,
    changes: [...written, ...changes],
    tensors,
    warnings: merged,
    idsAfter,
    calibrationTargets: [...targets.values()],
    repairs,
    channelScores,
    roundings,
    calibrated,
  };
}

interface Shared extends Pick<StepContext, 'ws' | 'calibration' | 'repaired' | 'made' | 'atEnd' | 'atLast'> {
  readonly repairs: RepairStage[];
  readonly channelScores: ChannelScoring[];
  /** By content: what is asked for twice is collected once. */
  readonly targets: Map<string, CalibrationTarget>;
  readonly roundings: Map<string, readonly Rounding[]>;
  readonly calibrated: Set<string>;
  /** Layers that no edit rounded since they were pruned. */
  readonly pruned: Set<Entry>;
}

function atEnd({ atEnd: steps, atLast }: Shared): Warning[] {
  return [...steps.flatMap((step) => step()), ...atLast.flatMap((step) => step())];
}

function applyEdit(shared: Shared, edit: LayersEdit, index: number, warnings: Warning[]): LayerChange[] {
  const { ws } = shared;
  const { entries, missing } = selectEntries(ws, edit);
  const selected = new Set<Entry>();
  const context: StepContext = { ...shared, edit: index, selected };
  const proposals = entries.map((entry) => ({ entry, proposal: propose(context, entry, edit) }));
  for (const { entry, proposal } of proposals) if (!isBlocked(proposal)) selected.add(entry);
  const pulled: PulledEntry[] = [];
  const changes = proposals.map(({ entry, proposal }): LayerChange => {
    const base = { node: entry.id, edit: index, nodesAfter: [entry.id] };
    if (isBlocked(proposal)) {
      const bytes = allConstantBytes(ws, entry);
      return { ...base, status: 'blocked', reason: proposal.reason, beforeBytes: bytes, afterBytes: bytes };
    }
    for (const target of proposal.needs ?? []) shared.targets.set(JSON.stringify(target), target);
    if (proposal.roundings !== undefined) {
      shared.roundings.set(entry.id, proposal.roundings);
      if (proposal.roundings.some(needsDataFor)) shared.calibrated.add(entry.id);
      shared.pruned.delete(entry);
    }
    const outcome = proposal.apply();
    warnings.push(...outcome.warnings);
    pulled.push(...(outcome.pulled ?? []));
    shared.repairs.push(...(outcome.repairs ?? []));
    if (outcome.scores !== undefined) shared.channelScores.push({ edit: index, read: outcome.scores });
    const { beforeBytes } = proposal;
    return { ...base, status: 'applied', beforeBytes, afterBytes: outcome.afterBytes };
  });
  if (entries.length === 0 && missing.length === 0) {
    warnings.push({ code: 'no-layer-selected', message: `edit ${index + 1} selects no layer` });
  }
  if (edit.type === 'prune' || edit.type === 'prune-channels') {
    const needsData = shared.repairs.some((r) => r.edit === index) || proposals.some(hasNeeds);
    for (const entry of [...selected, ...pulled.map((p) => p.entry)]) notePruned(shared, entry, needsData);
  }
  if (edit.type === 'prune' && selected.size > 0) warnings.push(...pruneWarnings(context, edit));
  const along = pulled.map(({ entry, beforeBytes, afterBytes, by }): LayerChange => {
    return {
      node: entry.id,
      edit: index,
      status: 'applied',
      beforeBytes,
      afterBytes,
      nodesAfter: [entry.id],
      ...(by === undefined ? {} : { by }),
    };
  });
  return [...changes, ...along, ...missing.map((node) => missingChange(node, index))];
}

function needsDataFor(rounding: Rounding): boolean {
  if (rounding.kind === 'blocks') return rounding.gram !== undefined;
  return rounding.kind === 'linear' && rounding.needsData === true;
}

function hasNeeds({ proposal }: { readonly proposal: Proposal | Blocked }): boolean {
  return !isBlocked(proposal) && (proposal.needs ?? []).length > 0;
}

/** Its weights are not what an edit before made of them. */
function notePruned({ roundings, pruned, calibrated }: Shared, entry: Entry, needsData: boolean): void {
  roundings.delete(entry.id);
  pruned.add(entry);
  if (needsData) calibrated.add(entry.id);
}

function missingChange(node: string, edit: number): LayerChange {
  const reason = 'the model has no node of that id';
  return { node, edit, status: 'blocked', reason, beforeBytes: 0, afterBytes: 0, nodesAfter: [] };
}

function raised(ws: Workspace, original: Model, warnings: Warning[]): void {
  const from = original.opsetImports.find((o) => o.domain === '')?.version ?? 0;
  if (ws.opsetVersion > from) {
    const message = `the ai.onnx opset becomes ${ws.opsetVersion} (it was ${from}); operators that changed in between are rewritten`;
    warnings.push({ code: 'opset-raised', message });
  }
  const { irVersion } = original;
  if (irVersion < 4 || ws.irVersion > irVersion) {
    const now = `the IR version becomes ${Math.max(ws.irVersion, 4)} (it was ${irVersion})`;
    const message = irVersion < 4 ? `${now}; initializers are no longer listed as graph inputs` : now;
    warnings.push({ code: 'ir-version-raised', message });
  }
}

/** One warning per code and node. */
function mergeWarnings(warnings: readonly Warning[]): Warning[] {
  const seen = new Map(warnings.map((w) => [`${w.code}\0${w.node ?? ''}`, w]));
  return [...seen.values()];
}

/** The model's metadata with the recipe; an earlier recipe stays under a numbered key. */
function metadataWith(model: Model, recipe: Recipe): StringEntry[] {
  const taken = new Set(model.metadata.map((m) => m.key));
  let n = 1;
  while (taken.has(`${RECIPE_METADATA_KEY}.${n}`)) n++;
  const kept = model.metadata.map((m) =>
    m.key === RECIPE_METADATA_KEY ? { ...m, key: `${RECIPE_METADATA_KEY}.${n}` } : m,
  );
  return [...kept, { key: RECIPE_METADATA_KEY, value: serializeRecipe(recipe) }];
}
