/** An edit in a few words: for the undo menu, the list of edits, the layer's row. */
import { l10n } from 'vscode';
import { formatPercent } from '../../src/format.ts';
import {
  duplicateCount,
  type CleanEdit,
  type Edit,
  type LayersEdit,
  type LayerSelector,
  type PruneBlocksEdit,
  type PruneChannelsEdit,
  type PruneEdit,
} from '../../src/transforms/index.ts';

/** e.g. `Quantize 3 layers to int8, per channel` */
export function editLabel(edit: Edit): string {
  return closed(textOf(edit));
}

/** Chinese stands without spaces, but where what is put into it is Latin: 将 2 层量化为 int8. */
function closed(text: string): string {
  return text.replaceAll(/(?<=\p{Script=Han}) (?=\p{Script=Han})/gu, '');
}

function textOf(edit: Edit): string {
  if (edit.type === 'clean') return cleanLabel(edit);
  const where = layersText(edit.layers);
  if (edit.type === 'prune-blocks') return blocksLabel(edit.layers);
  if (edit.type === 'prune') return pruneLabel(edit, where);
  if (edit.type === 'prune-channels')
    return l10n.t(
      'Remove {0} of the channels of {1}, {2}',
      formatPercent(edit.ratio),
      where,
      changeName(edit),
    );
  if (edit.type === 'cast') return l10n.t('Cast {0} to {1}', where, edit.to);
  if (edit.form === 'blocks') {
    const [bits, size] = [changeLabel(edit), edit.blockSize];
    return edit.algorithm === undefined || edit.algorithm === 'round'
      ? l10n.t('Quantize {0} to {1}, blocks of {2}', where, bits, size)
      : l10n.t('Quantize {0} to {1}, blocks of {2}, by {3}', where, bits, size, edit.algorithm.toUpperCase());
  }
  const granularity = edit.granularity === 'per-channel' ? l10n.t('per channel') : l10n.t('per tensor');
  if (edit.form === 'static')
    return l10n.t('Quantize {0} to static {1}, {2}', where, edit.weightType, granularity);
  return edit.reduceRange
    ? l10n.t('Quantize {0} to {1}, {2}, 7 bits', where, edit.weightType, granularity)
    : l10n.t('Quantize {0} to {1}, {2}', where, edit.weightType, granularity);
}

/** A step of the undo menu, which takes edits out of the recipe where it adds none. */
export function editsLabel(edits: readonly Edit[]): string {
  const [first, ...others] = edits;
  if (first === undefined) return l10n.t('Revert layers');
  if (others.length === 0) return editLabel(first);
  const layers = edits.flatMap((e) => (e.type !== 'clean' && 'nodes' in e.layers ? e.layers.nodes : []));
  return first.type === 'prune'
    ? l10n.t('Prune the weights of {0} layers, each with a ratio of its own', layers.length)
    : l10n.t('Quantize {0} layers, each to its own form', layers.length);
}

function cleanLabel({ inline = false, ...edit }: CleanEdit): string {
  if (!inline) return tensorsLabel(edit);
  return edit.unused || edit.duplicates !== undefined || edit.narrow === true
    ? l10n.t('{0}; write out local functions', tensorsLabel(edit))
    : l10n.t('Write out local functions');
}

function tensorsLabel({ unused, duplicates, narrow = false }: Omit<CleanEdit, 'inline'>): string {
  if (!narrow) return initializersLabel(unused, duplicates);
  return unused || duplicates !== undefined
    ? l10n.t('{0}; float32 of float64', initializersLabel(unused, duplicates))
    : l10n.t('Make float32 of float64');
}

function initializersLabel(unused: boolean, duplicates: CleanEdit['duplicates']): string {
  const count = duplicateCount(duplicates ?? []);
  if (unused)
    return count === 0
      ? l10n.t('Remove unused initializers')
      : l10n.t('Remove unused initializers, merge {0} duplicates', count);
  return count === 0
    ? l10n.t('Remove initializers that others of their names hide')
    : l10n.t('Merge {0} duplicate initializers', count);
}

function blocksLabel(layers: LayerSelector): string {
  if ('nodes' in layers) {
    const [only] = layers.nodes;
    return layers.nodes.length === 1 && only !== undefined
      ? l10n.t('Remove the residual block {0}', only)
      : l10n.t('Remove {0} residual blocks', layers.nodes.length);
  }
  const except = layers.except?.length ?? 0;
  if ('glob' in layers) return l10n.t('Remove the residual blocks matching {0}', layers.glob);
  return except === 0
    ? l10n.t('Remove all residual blocks')
    : l10n.t('Remove all residual blocks but {0}', except);
}

function pruneLabel(edit: PruneEdit, where: string): string {
  if (edit.pattern !== undefined)
    return l10n.t('Prune the weights of {0} to {1}, {2}', where, edit.pattern, changeName(edit));
  return l10n.t('Prune {0} of the weights of {1}, {2}', formatPercent(edit.ratio), where, changeName(edit));
}

/** By what it chooses, e.g. `by L1 norm`, `smallest magnitudes`. */
export function changeName(edit: PruneEdit | PruneChannelsEdit): string {
  if (edit.type === 'prune-channels') {
    const one = {
      expected: l10n.t('by expected loss'),
      l1: l10n.t('by L1 norm'),
      l2: l10n.t('by L2 norm'),
      'batch-norm': l10n.t('by BatchNorm scale'),
      activation: l10n.t('by activation'),
      reconstruction: l10n.t('by reconstruction'),
      random: l10n.t('at random'),
    }[edit.importance];
    const by = edit.ratios === undefined ? one : l10n.t('{0}, each group with a ratio of its own', one);
    return {
      none: by,
      bias: l10n.t('{0}, biases repaired', by),
      statistics: l10n.t('{0}, statistics repaired', by),
      'least-squares': l10n.t('{0}, repaired by least squares', by),
    }[edit.repair ?? 'none'];
  }
  return {
    magnitude: edit.scope === 'global' ? l10n.t('smallest of all layers') : l10n.t('smallest magnitudes'),
    random: l10n.t('at random'),
    wanda: 'Wanda',
    sparsegpt: 'SparseGPT',
  }[edit.method];
}

/** e.g. `int8`, `int4`, `pruned 50 %` */
export function changeLabel(edit: Edit): string {
  if (edit.type === 'clean') return l10n.t('cleaned');
  if (edit.type === 'prune-channels')
    return edit.ratios === undefined
      ? l10n.t('channels −{0}', formatPercent(edit.ratio))
      : l10n.t('fewer channels');
  if (edit.type === 'prune-blocks') return l10n.t('block removed');
  return edit.type === 'prune'
    ? l10n.t('pruned {0}', edit.pattern ?? formatPercent(edit.ratio))
    : weightTypeOf(edit);
}

/** What the weights become, e.g. `int8`, `int4`, `float16`. */
export function weightTypeOf(
  edit: Exclude<LayersEdit, PruneEdit | PruneChannelsEdit | PruneBlocksEdit>,
): string {
  if (edit.type === 'cast') return edit.to;
  return edit.form === 'blocks' ? `int${edit.bits}` : edit.weightType;
}

function layersText(layers: LayerSelector): string {
  if ('nodes' in layers) {
    const [only] = layers.nodes;
    return layers.nodes.length === 1 && only !== undefined ? only : l10n.t('{0} layers', layers.nodes.length);
  }
  const except = layers.except?.length ?? 0;
  if ('glob' in layers) return l10n.t('the layers matching {0}', layers.glob);
  return except === 0 ? l10n.t('all layers') : l10n.t('all layers but {0}', except);
}
