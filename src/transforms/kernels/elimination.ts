/**
 * In which order the inputs of layers go, so that the layers' outputs can be made up for best: always the unit whose
 * removal costs least once the weights that stay are fitted anew, as optimal brain surgery has it (Hassibi and Stork,
 * 1993), by whole channels (Kurtic et al., ZipLM, 2023). With G the moments of a layer's inputs about their means,
 * P = (G + λI)⁻¹, and W its weights, removal of the columns U
 *
 *     costs tr(W_Uᵀ P_UU⁻¹ W_U),   W ← W − P_·U P_UU⁻¹ W_U,   P ← P − P_·U P_UU⁻¹ P_U·
 *
 * of which each layer counts its share of tr(Wᵀ G W), what its outputs move about their means.
 */
import { inverseOfFactor, lowerFactor } from './cholesky.ts';

export interface EliminatedLayer {
  /** E[xxᵀ], [size, size]. */
  readonly gram: Float32Array;
  /** E[x], [size]. */
  readonly mean: Float32Array;
  /** [size, outputs]. */
  readonly weights: Float32Array;
  readonly size: number;
  readonly outputs: number;
  /** By column: its unit; −1 where it stays. */
  readonly unitOf: Int32Array;
}

export interface EliminationArgs {
  readonly layers: readonly EliminatedLayer[];
  readonly units: number;
  readonly damping: number;
}

/** By unit: how much is lost in all when it goes, those before it gone; each later one loses as much or more. */
export function elimination({ layers, units, damping }: EliminationArgs): Float64Array {
  const own = layers.map((layer) => new Elimination(layer, units, damping));
  const scores = new Float64Array(units);
  const left = new Set(Array.from({ length: units }, (_, u) => u));
  let lost = 0;
  while (left.size > 0) {
    let [least, at] = [Infinity, -1];
    for (const unit of left) {
      const cost = own.reduce((sum, layer) => sum + layer.cost(unit), 0);
      if (at < 0 || cost < least) [least, at] = [cost, unit];
    }
    lost += Math.max(0, least);
    scores[at] = lost;
    for (const layer of own) layer.remove(at);
    left.delete(at);
  }
  return scores;
}

class Elimination {
  private readonly size: number;
  private readonly outputs: number;
  /** P and W, of the columns that are left. */
  private readonly inverse: Float64Array;
  private readonly weights: Float64Array;
  private readonly columns: number[][];
  /** tr(Wᵀ G W) to begin with. */
  private readonly energy: number;

  constructor(
    { gram, mean, weights, size, outputs, unitOf }: EliminatedLayer,
    units: number,
    damping: number,
  ) {
    this.size = size;
    this.outputs = outputs;
    this.weights = Float64Array.from(weights);
    this.columns = Array.from({ length: units }, () => []);
    unitOf.forEach((unit, column) => this.columns[unit]?.push(column));
    const centred = Float64Array.from(gram, (v, i) => {
      return v - (mean[Math.floor(i / size)] as number) * (mean[i % size] as number);
    });
    this.energy = energyOf(centred, this.weights, size, outputs);
    let trace = 0;
    for (let i = 0; i < size; i++) trace += centred[i * size + i] as number;
    const ridge = (damping * Math.max(0, trace)) / size || 1;
    for (let i = 0; i < size; i++) centred[i * size + i] = (centred[i * size + i] as number) + ridge;
    this.inverse = inverted(centred, size, ridge);
  }

  cost(unit: number): number {
    const columns = this.columns[unit] ?? [];
    if (columns.length === 0 || this.energy <= 0) return 0;
    const fitted = this.solved(columns, (c, o) => this.weights[c * this.outputs + o] as number, this.outputs);
    let sum = 0;
    columns.forEach((c, k) => {
      for (let o = 0; o < this.outputs; o++)
        sum += (this.weights[c * this.outputs + o] as number) * (fitted[k * this.outputs + o] as number);
    });
    return sum / this.energy;
  }

  remove(unit: number): void {
    const columns = this.columns[unit] ?? [];
    if (columns.length === 0) return;
    const { size, outputs, inverse, weights } = this;
    const rows = this.solved(columns, (c, i) => inverse[c * size + i] as number, size);
    const fitted = this.solved(columns, (c, o) => weights[c * outputs + o] as number, outputs);
    const own = columns.map((c) =>
      Float64Array.from({ length: size }, (_, i) => inverse[i * size + c] as number),
    );
    for (let i = 0; i < size; i++)
      for (const [k, column] of own.entries()) {
        const factor = column[i] as number;
        if (factor === 0) continue;
        for (let o = 0; o < outputs; o++)
          weights[i * outputs + o] =
            (weights[i * outputs + o] as number) - factor * (fitted[k * outputs + o] as number);
        for (let j = 0; j < size; j++)
          inverse[i * size + j] = (inverse[i * size + j] as number) - factor * (rows[k * size + j] as number);
      }
    // what is gone is exactly so
    for (const c of columns) {
      weights.fill(0, c * outputs, (c + 1) * outputs);
      inverse.fill(0, c * size, (c + 1) * size);
      for (let i = 0; i < size; i++) inverse[i * size + c] = 0;
    }
  }

  /** P_UU⁻¹ R, [columns, width], R being given by column and place. */
  private solved(
    columns: readonly number[],
    right: (column: number, at: number) => number,
    width: number,
  ): Float64Array {
    const n = columns.length;
    const block = Float64Array.from({ length: n * n }, (_, i) => {
      return this.inverse[(columns[Math.floor(i / n)] ?? 0) * this.size + (columns[i % n] ?? 0)] as number;
    });
    const turned = inverted(block, n, 0);
    const result = new Float64Array(n * width);
    for (let i = 0; i < n; i++)
      for (let k = 0; k < n; k++) {
        const factor = turned[i * n + k] as number;
        const column = columns[k] ?? 0;
        for (let w = 0; w < width; w++)
          result[i * width + w] = (result[i * width + w] as number) + factor * right(column, w);
      }
    return result;
  }
}

function energyOf(gram: Float64Array, weights: Float64Array, size: number, outputs: number): number {
  let sum = 0;
  for (let i = 0; i < size; i++)
    for (let k = 0; k < size; k++) {
      let product = 0;
      for (let o = 0; o < outputs; o++)
        product += (weights[i * outputs + o] as number) * (weights[k * outputs + o] as number);
      sum += product * (gram[i * size + k] as number);
    }
  return sum;
}

/** Leaves the factor in place of the matrix. */
function inverted(matrix: Float64Array, size: number, least: number): Float64Array {
  const options = { least: Math.max(least, Number.MIN_VALUE), into: matrix };
  return inverseOfFactor(lowerFactor(matrix, size, options), size);
}
