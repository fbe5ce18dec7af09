/**
 * The graph as its author trains it: chains that an exporter wrote out where frameworks have one function (GELU, SiLU,
 * LayerNormalization) are one node again, which keeps less for backward than the chain.
 */
import type { Block } from '../memory/program.ts';
import { GraphEditor } from '../memory/rewrite/editor.ts';
import { fuseGelu, fuseQuickGelu } from '../memory/rewrite/fusions.ts';
import { fuseLayerNormalization } from '../memory/rewrite/normalizations.ts';
import { draftOf } from '../memory/draft.ts';
import type { Draft, ValueFactory } from '../memory/runtime.ts';

/** A node of the trained graph. */
export type TrainedNode = Readonly<Draft>;

/** In the order in which they run. */
export function trainedGraph(block: Block): readonly TrainedNode[] {
  const editor = new GraphEditor(block.nodes.map(draftOf), block, noNewValues);
  fuseGelu(editor);
  fuseLayerNormalization(editor);
  fuseQuickGelu(editor);
  return editor.nodes;
}

const refuse = (): never => {
  throw new TypeError('joining nodes adds no value');
};
const noNewValues: ValueFactory = { like: refuse, make: refuse };
