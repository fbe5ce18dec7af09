/** The cost of a node in full: shape, types, formula, share of the peak, and what the recipe does to its layer. */
import { describeNode } from '../../../src/analysis/index.ts';
import type { Side } from '../../text/text-uri.ts';
import { changeFacts, formFacts, localizeFacts, type Fact } from '../../views/describe.ts';
import type { Shown } from '../shown.ts';
import { layersOfSide, sideView } from './side.ts';

export function nodeFacts(shown: Shown, side: Side, id: string): Fact[] {
  const view = sideView(shown, side);
  const facts = localizeFacts(describeNode(view.analysis, view.estimate, id));
  const layer = layersOfSide(view).find((l) => l.nodes.includes(id));
  if (layer === undefined) return facts;
  const forms = side === 'current' ? formFacts(shown, layer) : [];
  return [...facts, ...forms, ...changeFacts(shown, layer)];
}
