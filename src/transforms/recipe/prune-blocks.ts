import type { EditCodec } from './codec.ts';
import { parseSelector, type LayerSelector } from './selector.ts';

/**
 * Takes residual blocks out: x + f(x) becomes x. A block is named by the node that adds its branch (Add, Sum,
 * SkipLayerNormalization, …); where both of its branches could go, by the last node of the branch.
 */
export interface PruneBlocksEdit {
  readonly type: 'prune-blocks';
  readonly layers: LayerSelector;
}

export const pruneBlocks: EditCodec<PruneBlocksEdit> = {
  parse: (edit, field) => ({
    type: 'prune-blocks',
    layers: parseSelector(edit['layers'], `${field}.layers`),
  }),
  describe: ({ layers }) => `remove ${describeBlocks(layers)}`,
};

function describeBlocks(layers: LayerSelector): string {
  if ('nodes' in layers) {
    const [only] = layers.nodes;
    return layers.nodes.length === 1 && only !== undefined
      ? `the residual block at ${only}`
      : `${layers.nodes.length} residual blocks`;
  }
  const which = 'all' in layers ? 'all residual blocks' : `residual blocks matching ${layers.glob}`;
  const except = layers.except?.length ?? 0;
  return except === 0 ? which : `${which} but ${except}`;
}
