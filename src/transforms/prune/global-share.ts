/** One threshold of magnitude for several weights together: how much each loses is what the weights say. */
import { elementCount } from '../../onnx/index.ts';
import type { TensorRef } from '../../onnx/model.ts';
import { binOfRank, FLOAT32_BITS } from '../kernels/select.ts';
import { lazy, type WeightSource } from '../weights/stream.ts';
import { histogram, zeroedBy, type Selection } from './zeroed-tensor.ts';

const KEYS = { type: FLOAT32_BITS, kind: 'magnitude', seed: 0 } as const;

export class GlobalShare {
  private readonly ratio: number;
  private readonly sources: WeightSource[] = [];
  private readonly selections: (signal?: AbortSignal) => Promise<readonly Selection[]>;

  constructor(ratio: number) {
    this.ratio = ratio;
    // asked for when the model is saved: by then all the weights are known
    this.selections = lazy((signal) => this.select(signal));
  }

  tensor(source: WeightSource, name: string): TensorRef {
    const index = this.sources.push(source) - 1;
    const own = async (signal?: AbortSignal): Promise<Selection> =>
      (await this.selections(signal))[index] ?? { threshold: 0, ties: 0 };
    return zeroedBy({ source }, KEYS, own, name);
  }

  /** Two passes over all weights; among equal magnitudes those of the first weights go first. */
  private async select(signal: AbortSignal | undefined): Promise<readonly Selection[]> {
    const { sources } = this;
    const total = sources.reduce((sum, s) => sum + elementCount(s.tensor.dims), 0);
    const count = Math.round(this.ratio * total);
    if (count === 0) return sources.map(() => ({ threshold: 0, ties: 0 }));
    const upper = binOfRank(sum(await this.histograms(undefined, signal)), count);
    const parts = await this.histograms(upper.bin, signal);
    const lower = binOfRank(sum(parts), count - upper.below);
    let left = count - upper.below - lower.below;
    return parts.map((counts) => {
      const ties = Math.min(left, counts[lower.bin] ?? 0);
      left -= ties;
      return { threshold: upper.bin * 65536 + lower.bin, ties };
    });
  }

  private async histograms(
    upper: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Float64Array[]> {
    const found: Float64Array[] = [];
    for (const source of this.sources) found.push(await histogram(source, KEYS, upper, signal));
    return found;
  }
}

function sum(lists: readonly Float64Array[]): Float64Array {
  const total = new Float64Array(65536);
  for (const list of lists) list.forEach((n, bin) => (total[bin] = (total[bin] ?? 0) + n));
  return total;
}
