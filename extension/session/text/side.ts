/** One side of a text comparison: the changed model, or the file as it is, at the dims of the document. */
import type { Analysis, MemoryEstimate } from '../../../src/analysis/index.ts';
import type { Side } from '../../text/text-uri.ts';
import { layersOf, type LayerState } from '../../views/layers.ts';
import type { Shown } from '../shown.ts';

export interface SideView {
  readonly shown: Shown;
  readonly side: Side;
  readonly analysis: Analysis;
  readonly estimate: MemoryEstimate;
}

export function sideView(shown: Shown, side: Side): SideView {
  const { snapshot, estimate } = shown;
  return side === 'current'
    ? { shown, side, analysis: snapshot.analysis(), estimate }
    : { shown, side, analysis: snapshot.file.analysis(), estimate: estimateOfFile(shown) };
}

/** Which lists the nodes that it has: those that call functions, where edits see what is inside. */
function estimateOfFile({ snapshot: { file, base }, options, estimateBefore }: Shown): MemoryEstimate {
  return file === base ? estimateBefore : file.analysis().estimate(options);
}

/** The layers as that side has them. */
export function layersOfSide({ shown, side, estimate }: SideView): LayerState[] {
  if (side === 'current') {
    // what was removed has no line
    return layersOf(shown.snapshot, estimate, shown.estimateBefore).filter((l) => l.nodes.length > 0);
  }
  return estimate.layers.map((layer) => ({ ...layer, before: layer, changes: [] }));
}
