/** The grid of values that quantized weights lie on, as far as a person can see it. */
import type { WeightsView } from '../../src/protocol.ts';
import type { GridLine } from '../../src/transforms/index.ts';

/** Of 8 bits there are more than the picture has pixels between them. */
const visibleLevels = 32;

export function gridView(
  grid: readonly GridLine[],
): Pick<NonNullable<WeightsView['after']>, 'levels' | 'steps'> {
  const [first] = grid;
  const scales = grid.map((line) => line.scale);
  return {
    levels: first === undefined ? [] : levelsOf(first),
    steps: first === undefined ? undefined : { min: Math.min(...scales), max: Math.max(...scales) },
  };
}

function levelsOf({ scale, zeroPoint, low, high }: GridLine): number[] {
  const count = high - low + 1;
  if (count > visibleLevels) return [];
  return Array.from({ length: count }, (_, i) => scale * (low + i - zeroPoint));
}
