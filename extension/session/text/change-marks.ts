/** What the recipe changed, layer by layer, in the words that stand beside its name. */
import { formatBytes, formatChange } from '../../../src/format.ts';
import { changeLabel } from '../../views/edit-label.ts';
import { layerStates, type LayerState } from '../../views/layers.ts';
import type { Shown } from '../shown.ts';

export interface ChangeMark {
  readonly nodes: readonly string[];
  /** e.g. `Conv 36.1 KiB`; empty for what an edit added. */
  readonly before: string;
  /** e.g. `int8 9.06 KiB (−27.0 KiB, −74.9 %)` */
  readonly after: string;
  /** Of the weights; negative where they are more than before. */
  readonly savedBytes: number;
}

export function changeMarks(shown: Shown): ChangeMark[] {
  return layerStates(shown)
    .filter((l) => l.changes.some((c) => c.status === 'applied'))
    .map((layer) => ({
      nodes: layer.nodes,
      before: beforeText(layer),
      after: changeText(shown, layer),
      savedBytes: (layer.before?.parameterBytes ?? layer.parameterBytes) - layer.parameterBytes,
    }));
}

function beforeText({ before }: LayerState): string {
  return before === undefined ? '' : `${before.opType} ${formatBytes(before.parameterBytes)}`;
}

function changeText({ snapshot }: Shown, layer: LayerState): string {
  const { recipe } = snapshot;
  const applied = layer.changes.filter((c) => c.status === 'applied');
  const labels = applied.flatMap((c) => {
    const edit = recipe.edits[c.edit];
    return edit === undefined ? [] : [changeLabel(edit)];
  });
  const label = [...new Set(labels)].join(', ');
  const after = layer.parameterBytes;
  const before = layer.before?.parameterBytes ?? after;
  if (before === after) return label;
  const saved = `${formatBytes(after - before)}, ${formatChange(before, after)}`;
  return `${label} ${formatBytes(after)} (${saved})`;
}
