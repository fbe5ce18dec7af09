/** What can be done to each node of a model, and what stands in the way. Reads no weight. */
import type { Model } from '../onnx/model.ts';
import type { StepContext } from './context.ts';
import { Workspace } from './graph/workspace.ts';
import type { Edit, LayersEdit, PruneEdit, QuantizeEdit } from './recipe/recipe.ts';
import { isMeantFor } from './operators.ts';
import { propose } from './steps.ts';
import { USUAL } from './usual.ts';
import { isBlocked } from './weights/find.ts';

export type Verdict =
  | {
      readonly ok: true;
      /** Bytes of the constants it would change. */ readonly weightBytes: number;
    }
  | { readonly ok: false; readonly reason: string };

export interface NodeApplicability {
  readonly quantize: Verdict;
  readonly prune: Verdict;
  /** Where it was asked for by the edit given. */
  readonly cast?: Verdict | undefined;
  /** The operator is one that takes weights: its reason is worth showing, a Relu's is not. */
  readonly isLayer: boolean;
}

const QUANTIZE: QuantizeEdit = { ...USUAL['dynamic-int8'], layers: { all: true } };
const PRUNE: PruneEdit = {
  type: 'prune',
  layers: { all: true },
  method: 'magnitude',
  ratio: 0.5,
  seed: 0,
  bias: false,
};

/**
 * The verdicts for every node, by node id, subgraphs included.
 * @param edit for these settings instead of the default ones (the form decides; layers do not matter)
 */
export function applicability(model: Model, edit?: Edit): ReadonlyMap<string, NodeApplicability> {
  const ws = new Workspace(model);
  const context: StepContext = { ws, edit: 0, selected: new Set(), made: new Map(), atEnd: [], atLast: [] };
  const quantize = edit?.type === 'quantize' ? edit : QUANTIZE;
  const prune = edit?.type === 'prune' ? edit : PRUNE;
  const cast = edit?.type === 'cast' ? edit : undefined;
  const found = new Map<string, NodeApplicability>();
  for (const entry of ws.entries) {
    const verdict = (e: LayersEdit): Verdict => {
      const proposal = propose(context, entry, e);
      return isBlocked(proposal)
        ? { ok: false, reason: proposal.reason }
        : { ok: true, weightBytes: proposal.beforeBytes };
    };
    const isLayer = [quantize, prune].some((e) => isMeantFor(ws, entry, e));
    found.set(entry.id, {
      quantize: verdict(quantize),
      prune: verdict(prune),
      ...(cast === undefined ? {} : { cast: verdict(cast) }),
      isLayer,
    });
  }
  return found;
}
