/** How the weights of a layer spread, as the file has them and as the recipe would leave them. */
import { formatShape } from '../../src/format.ts';
import { OnnxError } from '../../src/onnx/index.ts';
import type { WeightsView } from '../../src/protocol.ts';
import { weightHistogram } from '../../src/transforms/index.ts';
import type { Job } from '../session/protocol.ts';
import type { Shown } from '../session/shown.ts';
import { gridView } from './grid-view.ts';

/** As many as the page has room to draw. */
const bins = 72;

/** Undefined where the layer has no float32 weights. Streams them two to four times. */
export async function weightsView(
  document: Shown,
  { signal }: Job,
  layerId: string,
): Promise<WeightsView | undefined> {
  const { base, recipe } = document.snapshot;
  const node = base.analysis().nodes.find((n) => n.id === layerId);
  if (node === undefined || node.weights.length === 0) return undefined;
  try {
    const { counts, dims, after, unknownAfter, ...figures } = await weightHistogram(base.model, layerId, {
      bins,
      recipe,
      signal,
    });
    return {
      ...figures,
      shape: formatShape(dims),
      counts: [...counts],
      unknownAfter,
      after: after && {
        counts: [...after.counts],
        ...gridView(after.grid),
        sqnrDb: Number.isFinite(after.sqnrDb) ? after.sqnrDb : 'inf',
      },
    };
  } catch (error) {
    if (error instanceof OnnxError && error.kind === 'unsupported') return undefined;
    throw error;
  }
}
