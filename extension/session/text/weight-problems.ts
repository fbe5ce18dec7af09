/** What is wasteful about weights on the chosen EP, with what would be better: problems that a recipe edit solves. */
import { l10n } from 'vscode';
import { weightBehaviour } from '../../../src/analysis/index.ts';
import { formatBytes } from '../../../src/format.ts';
import { DataType, tensorByteLength } from '../../../src/onnx/index.ts';
import { recommendForm, weightFormOf, type FormChoice } from '../../../src/transforms/index.ts';
import { WIDE } from '../../text/waste.ts';
import { localize } from '../../l10n/domain-text.ts';
import { changeLabel } from '../../views/edit-label.ts';
import type { LayerState } from '../../views/layers.ts';
import { layersOfSide, type SideView } from './side.ts';

export interface WeightProblem {
  readonly node: string;
  readonly layerId: string;
  readonly message: string;
  readonly code?: string | undefined;
  /** The form that stays small where the present one does not. */
  readonly better?: FormChoice | undefined;
}

/** Of all layers, or of those asked for. */
export function weightProblems(view: SideView, layers = layersOfSide(view)): readonly WeightProblem[] {
  const doubles = doubleBytes(view.analysis);
  return layers.flatMap((layer) => [...expandedWeights(view, layer), ...doubleWeights(doubles, layer)]);
}

/** Weights that an edit made small in the file, and that the EP makes large again. */
function expandedWeights({ shown, estimate }: SideView, layer: LayerState): WeightProblem[] {
  const { recipe } = shown.snapshot;
  const opType = layer.before?.opType ?? layer.opType;
  return layer.changes.flatMap((change) => {
    const edit = recipe.edits[change.edit];
    if (change.status !== 'applied' || edit?.type !== 'quantize') return [];
    const { fate, note } = weightBehaviour(estimate.ep, opType, weightFormOf(edit));
    if (fate === 'small') return [];
    const values = [changeLabel(edit), estimate.ep, localize(note)] as const;
    const message =
      fate === 'expanded'
        ? l10n.t('{0} weights are expanded on {1}: {2}', ...values)
        : l10n.t('{0} weights leave {1} for the CPU: {2}', ...values);
    const better = recommendForm(estimate.ep, opType);
    return [{ node: change.nodesAfter[0] ?? layer.id, layerId: layer.id, message, better }];
  });
}

function doubleWeights(doubles: ReadonlyMap<string, number>, layer: LayerState): WeightProblem[] {
  const bytes = layer.nodes.reduce((sum, id) => sum + (doubles.get(id) ?? 0), 0);
  if (bytes === 0) return [];
  const message = l10n.t('{0} of float64 weights: twice the memory of float32', formatBytes(bytes));
  return [{ node: layer.nodes[0] ?? layer.id, layerId: layer.id, message, code: WIDE }];
}

/** Bytes of float64 weights by node id, where there are any. */
function doubleBytes({ nodes, model }: SideView['analysis']): ReadonlyMap<string, number> {
  const { initializers } = model.graph;
  const found = new Map<string, number>();
  for (const { id, weights } of nodes) {
    for (const name of weights) {
      const tensor = initializers.get(name);
      if (tensor?.dataType === DataType.double)
        found.set(id, (found.get(id) ?? 0) + tensorByteLength(tensor));
    }
  }
  return found;
}
