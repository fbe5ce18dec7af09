/** How much less time a run takes with an edit, predicted: by the kernels of the last check, or by their work alone. */
import { kernelWork, predictLatency } from '../../src/analysis/index.ts';
import type { LatencyView } from '../../src/protocol.ts';
import type { KeptTimes } from '../kernel-times.ts';
import type { Shown } from '../session/shown.ts';
import type { Snapshot } from '../session/snapshot.ts';

/** @param next with the edit; both are predicted from the original, which is what was timed */
export function latencyView(document: Shown, next: Snapshot, kept: KeptTimes | undefined): LatencyView {
  const { snapshot, options } = document;
  if (options.ep !== 'cpu') return { unknown: 'ep' };
  const at = kept ?? { dims: options.dims, optimization: options.optimization, times: [] };
  const original = kernelWork(snapshot.base.analysis(), at);
  const shareOf = (s: Snapshot) => predictLatency(original, kernelWork(s.analysis(), at), at.times)?.share;
  const [now, after] = [shareOf(snapshot), shareOf(next)];
  if (now === undefined || after === undefined || now === 0) return { unknown: 'kernels' };
  return { share: after / now, ...(kept === undefined ? {} : { batchSize: kept.batchSize }) };
}
