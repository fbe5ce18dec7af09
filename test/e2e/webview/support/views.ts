/** View models of a real model, as the extension makes them, in English. */
import {
  dataflow,
  hasWeightsInBodies,
  kernelWork,
  predictLatency,
  type EpName,
  type Analysis,
  type LayerMemory,
  type MemoryEstimate,
} from '../../../../src/analysis/index.ts';
import { formNames, usualEdit } from '../../../../extension/forms.ts';
import { editWarnings, isSaidByDialog } from '../../../../extension/session/edit-warnings.ts';
import { formOutcome } from '../../../../extension/views/form-outcome.ts';
import { channelGroups, type Side } from '../../../../extension/views/channel-groups.ts';
import { formatShape } from '../../../../src/format.ts';
import { dataTypeName, type Model, type Value } from '../../../../src/onnx/index.ts';
import type {
  EditorView,
  EstimateView,
  FormView,
  GraphView,
  IoView,
  LayerRow,
  PreviewView,
  TotalsView,
} from '../../../../src/protocol.ts';
import {
  applicability,
  needsData,
  describeEdit,
  recipeWarnings,
  pruneGroups,
  type AppliedRecipe,
  type ChosenForms,
  type LayerSqnr,
  type Edit,
  type LayerChange,
  type Recipe,
} from '../../../../src/transforms/index.ts';
import type { ModelHostOptions } from './model-host.ts';

export interface State {
  readonly model: Model;
  readonly recipe: Recipe;
  readonly applied: AppliedRecipe;
  readonly analysis: Analysis;
  readonly original: Analysis;
  readonly estimate: MemoryEstimate;
  readonly estimateBefore: MemoryEstimate;
  readonly ep: EpName;
  readonly sqnr: ReadonlyMap<string, LayerSqnr> | undefined;
}

export function formsView({ model, recipe, ep }: State, layerIds: readonly string[]): FormView[] {
  const target = { model, recipe, ep };
  const layers = { nodes: [...layerIds] };
  const settings = { granularity: 'per-channel', weights: 'usual' } as const;
  return formNames.map((name) => ({ name, ...formOutcome(target, usualEdit(name, layers, settings)) }));
}

export function editorView(state: State, options: ModelHostOptions): EditorView {
  const { model, original } = state;
  return {
    model: {
      fileName: options.fileName,
      fileBytes: options.fileBytes,
      producer: `${model.producerName} ${model.producerVersion}`.trim(),
      irVersion: model.irVersion,
      opsets: model.opsetImports,
      inputs: model.graph.inputs.filter((v) => !model.graph.initializers.has(v.name)).map(ioView),
      outputs: model.graph.outputs.map(ioView),
      metadata: model.metadata,
      weightBytesByType: original.weightBytesByType,
      nodeCount: original.nodes.length,
      hasWeightsInBodies: hasWeightsInBodies(original),
      diagnostics: original.diagnostics,
    },
    estimate: estimateView(state),
    eps: ['cpu', 'webgpu', 'cuda', 'tensorrt', 'dml', 'coreml'],
    devices: [],
    budgetBytes: options.budgetBytes,
    isTrusted: true,
    isReadOnly: false,
  };
}

function ioView({ name, type }: Value): IoView {
  if (type?.kind !== 'tensor') return { name, type: '?' };
  const dims = (type.shape ?? []).map((d) =>
    d.kind === 'size' ? d.size : d.kind === 'symbol' ? d.symbol : '?',
  );
  return { name, type: `${dataTypeName(type.elemType)} [${dims.join(', ')}]` };
}

export function estimateView(state: State): EstimateView {
  const { estimate, estimateBefore, analysis, recipe } = state;
  const layers = layerRows(state);
  const layerOf = new Map(layers.flatMap((row, i) => (row.nodes ?? []).map((id) => [id, i] as const)));
  const { timeline } = estimate;
  return {
    symbols: analysis.symbols.map((s) => ({
      name: s.name,
      value: estimate.dims[s.name] ?? s.defaultValue,
      defaultValue: s.defaultValue,
      isBatch: s.isBatch,
      usedBy: s.usedBy.map((u) => `${u.input} axis ${u.axis}`).join(', '),
    })),
    ep: estimate.ep,
    totals: totalsView(estimate),
    before: recipe.edits.length > 0 ? totalsView(estimateBefore) : undefined,
    layers,
    timeline: {
      ...timeline,
      workspaceBytes: estimate.stepWorkspaceBytes,
      layerOfStep: timeline.nodes.map((id) => layerOf.get(id) ?? -1),
    },
    edits: editViews(state),
    isDirty: recipe.edits.length > 0,
    calibration: recipe.calibration && { path: recipe.calibration.path, samples: recipe.calibration.samples },
  };
}

export function graphView(state: State, dims: Readonly<Record<string, number>>): GraphView {
  const layerOf = new Map(
    layerRows(state).flatMap((row) => (row.nodes ?? []).map((id) => [id, row.id] as const)),
  );
  return {
    nodes: state.estimate.nodes.map(({ id, opType, parameterBytes, activationBytes, aliveBytes }) => ({
      ...{ id, opType, parameterBytes, activationBytes, aliveBytes },
      layerId: layerOf.get(id) ?? id,
    })),
    tensors: dataflow(state.analysis, dims).map(({ name, bytes, producer, consumers, isOutput }) => ({
      ...{ name, bytes, isOutput },
      from: producer ?? -1,
      to: consumers,
    })),
    omittedNodes: 0,
  };
}

export function totalsView(estimate: MemoryEstimate): TotalsView {
  const { deviceWeights, peakActivation, workspace, keptBuffers, overhead, heldPeak } = estimate;
  const figures = {
    ...{ deviceWeights, peakActivation, workspace },
    ...(keptBuffers && { keptBuffers }),
    ...{ overhead, heldPeak },
  };
  return {
    parameterCount: estimate.parameterCount,
    parameterBytes: estimate.parameterBytes,
    deviceWeightsBytes: (deviceWeights.bytes ?? 0) + (estimate.weightsBeside.bytes ?? 0),
    peakActivationBytes: peakActivation.bytes,
    workspaceBytes: workspace.bytes,
    keptBuffersBytes: estimate.keptBuffers?.bytes,
    overheadBytes: overhead.bytes,
    totalPeakBytes: heldPeak.bytes,
    notes: Object.entries(figures).map(
      ([name, f]) => `${name}: ${f.certainty}${f.note ? `; ${f.note}` : ''}`,
    ),
    atLeast: heldPeak.certainty === 'atLeast',
  };
}

function layerRows({ model, applied, estimate, estimateBefore, recipe, sqnr }: State): LayerRow[] {
  const verdicts = applicability(model);
  const reasons = new Map(estimate.unknown.map((u) => [u.node, u.reason]));
  const originalOf = new Map(
    [...applied.idsAfter].flatMap(([id, after]) => after.map((a) => [a, id] as const)),
  );
  const before = new Map(estimateBefore.layers.flatMap((l) => l.nodes.map((n) => [n, l] as const)));
  const parts = new Map<string, LayerMemory[]>();
  for (const layer of estimate.layers) {
    const id = before.get(originalOf.get(layer.id) ?? layer.id)?.id ?? layer.id;
    parts.set(id, [...(parts.get(id) ?? []), layer]);
  }
  return [...parts].map(([id, layers]) => {
    const was = before.get(id);
    const changes = applied.changes.filter((c) => before.get(c.node)?.id === id);
    const last = layers.at(-1)!;
    const sum = (key: 'activationBytes' | 'macs'): number | undefined =>
      layers.some((l) => l[key] === undefined) ? undefined : layers.reduce((s, l) => s + (l[key] ?? 0), 0);
    const parameterBytes = layers.reduce((s, l) => s + l.parameterBytes, 0);
    const nodes = layers.flatMap((l) => l.nodes);
    const isQuantized = changes.some(
      (c) => c.status === 'applied' && recipe.edits[c.edit]?.type === 'quantize',
    );
    const verdict = isQuantized ? undefined : verdicts.get(id);
    return {
      id,
      name: was?.name ?? last.name,
      opType: layers.reduce((a, b) => (b.parameterBytes > a.parameterBytes ? b : a)).opType,
      outputShape: last.outputShape === undefined ? '' : formatShape(last.outputShape),
      outputType: last.outputType ?? '',
      parameterBytes,
      activationBytes: sum('activationBytes'),
      macs: sum('macs'),
      unknown: nodes.map((n) => reasons.get(n)).find((r) => r !== undefined),
      canQuantize: verdict?.quantize.ok ?? false,
      canPrune: verdict?.prune.ok ?? false,
      blocked: verdict?.isLayer === true && !verdict.quantize.ok ? verdict.quantize.reason : undefined,
      nodes,
      ...sqnrOf(sqnr?.get(id)),
      change: changeOf(changes, recipe, parameterBytes, was),
    };
  });
}

function sqnrOf(found: LayerSqnr | undefined): Pick<LayerRow, 'sqnrDb' | 'sqnrUnknown'> {
  if (found === undefined) return {};
  const { sqnrDb } = found;
  if (sqnrDb === undefined) return { sqnrUnknown: 'needs-data' };
  return { sqnrDb: Number.isFinite(sqnrDb) ? sqnrDb : 'inf' };
}

function changeLabel(edit: Edit): string {
  if (edit.type === 'prune') return `pruned ${edit.pattern ?? `${edit.ratio * 100} %`}`;
  if (edit.type === 'prune-blocks') return 'block removed';
  return edit.type === 'prune-channels' ? `channels −${edit.ratio * 100} %` : 'int8';
}

function changeOf(
  changes: readonly LayerChange[],
  recipe: Recipe,
  afterBytes: number,
  was: LayerMemory | undefined,
): LayerRow['change'] {
  const change = changes.findLast((c) => c.status === 'applied') ?? changes.at(-1);
  const edit = change && recipe.edits[change.edit];
  if (change === undefined || edit === undefined) return undefined;
  return {
    label: changeLabel(edit),
    beforeBytes: was?.parameterBytes ?? change.beforeBytes,
    afterBytes,
    status: change.status,
    reason: change.reason,
    beforeActivationBytes: was?.activationBytes,
    beforeShape: was?.outputShape && formatShape(was.outputShape),
  };
}

function editViews({ recipe, applied, model, estimate }: State): EstimateView['edits'] {
  return recipe.edits.map((edit, index) => {
    const own = applied.changes.filter((c) => c.edit === index && c.status === 'applied');
    return {
      label: describeEdit(edit),
      warnings: recipeWarnings(model, { ...recipe, edits: [edit] }, estimate.ep).map((w) => w.message),
      type: edit.type,
      layerIds: own.map((c) => c.node),
      beforeBytes: own.reduce((sum, c) => sum + c.beforeBytes, 0),
      afterBytes: own.reduce((sum, c) => sum + c.afterBytes, 0),
    };
  });
}

/** Undefined where those of a node are not known. */
function macsOf({ estimate }: State): number | undefined {
  const macs = estimate.nodes.map((n) => n.macs);
  return macs.includes(undefined) ? undefined : macs.reduce<number>((sum, n) => sum + (n ?? 0), 0);
}

function groupsOf(now: State, next: State, changes: readonly LayerChange[]): PreviewView['groups'] {
  const edit = next.recipe.edits.at(-1);
  if (edit?.type !== 'prune-channels') return undefined;
  const side = ({ applied, analysis }: State): Side => {
    const originals = new Map(
      [...applied.idsAfter].flatMap(([id, after]) => after.map((a) => [a, id] as const)),
    );
    return { model: applied.model, analysis, originalNode: (id) => originals.get(id) ?? id };
  };
  return channelGroups({
    ...{ edit, changes, before: side(now), after: side(next) },
    groups: pruneGroups(now.applied.model, now.analysis),
    layerOf: (node) => now.estimateBefore.layers.find((l) => l.nodes.includes(node)),
  });
}

/** As after a check at batch 32 whose kernels took what their work says. */
function latencyOf(now: State, next: State): PreviewView['latency'] {
  const [before, after] = [now, next].map((s) => kernelWork(s.analysis, { dims: { batch: 32 } }));
  const times = before?.map((k) => ({ name: k.id, opType: k.opType, durationMs: k.work / 1e6 }));
  const found = predictLatency(before ?? [], after ?? [], times);
  return found === undefined ? { unknown: 'kernels' } : { share: found.share, batchSize: 32 };
}

export function previewView(now: State, next: State, chosen: ChosenForms['layers'] = []): PreviewView {
  const first = now.recipe.edits.length;
  const changes = next.applied.changes.filter((c) => c.edit >= first);
  const names = new Map(now.estimateBefore.layers.map((l) => [l.id, l.name]));
  const named = (node: string) => ({ layerId: node, name: names.get(node) ?? node });
  const done = changes.filter((c) => c.status === 'applied');
  return {
    beforeBytes: done.reduce((sum, c) => sum + c.beforeBytes, 0),
    afterBytes: done.reduce((sum, c) => sum + c.afterBytes, 0),
    before: totalsView(now.estimate),
    after: totalsView(next.estimate),
    changedLayers: done.length,
    layers: done.map(({ node, beforeBytes, afterBytes }) => ({
      ...{ ...named(node), beforeBytes, afterBytes },
      form: chosen.find((l) => l.node === node)?.form,
    })),
    blocked: [
      ...changes.filter((c) => c.status === 'blocked'),
      ...chosen.filter((l) => l.form === undefined),
    ].map(({ node, reason }) => ({ ...named(node), reason: reason ?? '' })),
    warnings: editWarnings(now.model, next.recipe, next.applied, next.estimate.ep)
      .slice(first)
      .flat()
      .filter((w) => !isSaidByDialog(w))
      .map((w) => w.message),
    needsCalibration: needsData(next.applied),
    macs: { before: macsOf(now), after: macsOf(next) },
    latency: next.recipe.edits.slice(first).some((e) => e.type.startsWith('prune-'))
      ? latencyOf(now, next)
      : undefined,
    groups: groupsOf(now, next, changes),
  };
}
