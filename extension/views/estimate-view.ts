/** Everything that changes with dims, EP or recipe, ready for the page. */
import { l10n } from 'vscode';
import { tensorLifetimes, type DimSymbol, type MemoryEstimate } from '../../src/analysis/index.ts';
import { formatShape } from '../../src/format.ts';
import type { Edit } from '../../src/transforms/index.ts';
import type { EditView, EstimateView, LayerRow, SymbolView, TimelineView } from '../../src/protocol.ts';
import { calibrationView } from '../calibration-data.ts';
import type { Shown } from '../session/shown.ts';
import { localize } from '../l10n/domain-text.ts';
import { changeLabel, editLabel } from './edit-label.ts';
import { layerStates, type LayerState } from './layers.ts';
import { totalsView } from './totals.ts';

export function estimateView(document: Shown): EstimateView {
  const { estimate, snapshot } = document;
  const rows = layerRows(document);
  return {
    symbols: snapshot.analysis().symbols.map((s) => symbolView(s, estimate.dims)),
    ep: estimate.ep,
    totals: totalsView(estimate),
    before: snapshot.hasEdits ? totalsView(document.estimateBefore) : undefined,
    layers: rows,
    timeline: timelineView(estimate, rows),
    edits: editViews(document),
    isDirty: document.isDirty,
    calibration: calibrationView(snapshot.recipe.calibration),
  };
}

export function symbolView(symbol: DimSymbol, dims: MemoryEstimate['dims']): SymbolView {
  return {
    name: symbol.name,
    value: dims[symbol.name] ?? symbol.defaultValue,
    defaultValue: symbol.defaultValue,
    isBatch: symbol.isBatch,
    usedBy: symbol.usedBy.map(({ input, axis }) => l10n.t('{0} axis {1}', input, axis)).join(', '),
  };
}

function layerRows(document: Shown): LayerRow[] {
  const reasons = new Map(document.estimate.unknown.map((u) => [u.node, u.reason]));
  return layerStates(document).map((layer) => layerRow(document, layer, reasons));
}

function layerRow(document: Shown, layer: LayerState, reasons: ReadonlyMap<string, string>): LayerRow {
  const can = whatCanBeDone(document, layer);
  const unknown = layer.nodes.map((id) => reasons.get(id)).find((r) => r !== undefined);
  return {
    id: layer.id,
    name: layer.name,
    opType: layer.opType,
    outputShape: layer.outputShape === undefined ? '' : formatShape(layer.outputShape),
    outputType: layer.outputType ?? '',
    parameterBytes: layer.parameterBytes,
    activationBytes: layer.activationBytes,
    macs: layer.macs,
    unknown: unknown === undefined ? undefined : localize(unknown),
    ...can,
    ...sqnrOf(document, layer),
    nodes: layer.nodes,
    change: changeView(document, layer),
  };
}

function sqnrOf({ snapshot }: Shown, layer: LayerState): Pick<LayerRow, 'sqnrDb' | 'sqnrUnknown'> {
  const found = layer.changes.map((c) => snapshot.sqnr?.get(c.node)).find((f) => f !== undefined);
  if (found === undefined) return {};
  const { sqnrDb } = found;
  if (sqnrDb === undefined) return { sqnrUnknown: 'needs-data' };
  return { sqnrDb: Number.isFinite(sqnrDb) ? sqnrDb : 'inf' };
}

/** What can still be done to a layer; the reason where nothing can. */
export function whatCanBeDone(
  document: Shown,
  layer: LayerState,
): Pick<LayerRow, 'canQuantize' | 'canPrune' | 'blocked'> {
  const { base, recipe } = document.snapshot;
  if (layer.nodes.length === 0) {
    const blocked = l10n.t('An edit removed it; revert it first to change that.');
    return { canQuantize: false, canPrune: false, blocked };
  }
  const verdict = base.applicability().get(layer.id);
  if (verdict === undefined) {
    const isInside = layer.parameterBytes > 0 && base.model.functions.length > 0;
    const blocked = isInside
      ? l10n.t(
          'It is inside a local function: write these out first, by the fix of that problem in the text view.',
        )
      : undefined;
    return { canQuantize: false, canPrune: false, blocked };
  }
  const isConverted = layer.changes.some((c) => c.status === 'applied' && !isPruning(recipe.edits[c.edit]));
  if (isConverted) {
    const blocked = l10n.t('Its weights are converted already; revert it first to change that.');
    return { canQuantize: false, canPrune: false, blocked };
  }
  const { quantize, prune, isLayer } = verdict;
  const reasons = [quantize, prune].flatMap((v) => (v.ok ? [] : [localize(v.reason)]));
  return {
    canQuantize: quantize.ok,
    canPrune: prune.ok,
    blocked: isLayer && reasons.length > 0 ? [...new Set(reasons)].join('; ') : undefined,
  };
}

/** Leaves float weights, which later edits may take further. */
function isPruning(edit: Edit | undefined): boolean {
  return edit?.type.startsWith('prune') === true;
}

/** Where several edits change one layer, the last that could be applied speaks for all. */
function changeView(document: Shown, layer: LayerState): LayerRow['change'] {
  const { recipe } = document.snapshot;
  const change = layer.changes.findLast((c) => c.status === 'applied') ?? layer.changes.at(-1);
  const edit = change && recipe.edits[change.edit];
  if (change === undefined || edit === undefined) return undefined;
  return {
    label: changeLabel(edit),
    beforeBytes: layer.before?.parameterBytes ?? change.beforeBytes,
    afterBytes: layer.parameterBytes,
    status: change.status,
    reason: change.reason === undefined ? undefined : localize(change.reason),
    beforeActivationBytes: layer.before?.activationBytes,
    beforeShape: layer.before?.outputShape && formatShape(layer.before.outputShape),
  };
}

function timelineView(
  { timeline, stepWorkspaceBytes }: MemoryEstimate,
  rows: readonly LayerRow[],
): TimelineView {
  const layerOf = new Map(rows.flatMap((row, i) => (row.nodes ?? []).map((id) => [id, i] as const)));
  const { aliveBytes, nodes, peakStep, peakBytes, peakTensors } = timeline;
  return {
    aliveBytes,
    workspaceBytes: stepWorkspaceBytes,
    nodes,
    peakStep,
    peakBytes,
    peakTensors,
    layerOfStep: nodes.map((id) => layerOf.get(id) ?? -1),
    tensors: tensorLifetimes(timeline).tensors,
  };
}

function editViews(document: Shown): EditView[] {
  const { recipe, applied, layers, warnings } = document.snapshot;
  const { changes, tensors } = applied();
  const said = warnings(document.options.ep);
  return recipe.edits.map((edit, index) => {
    const own = changes.filter((c) => c.edit === index);
    const done = [...own, ...tensors.filter((t) => t.edit === index)].filter((c) => c.status === 'applied');
    const total = (key: 'beforeBytes' | 'afterBytes'): number => done.reduce((sum, c) => sum + c[key], 0);
    return {
      label: editLabel(edit),
      warnings: (said[index] ?? []).map((w) => localize(w.message)),
      type: edit.type,
      layerIds: [...new Set(own.map((c) => layers().before(c.node)?.id ?? c.node))],
      beforeBytes: total('beforeBytes'),
      afterBytes: total('afterBytes'),
    };
  });
}
