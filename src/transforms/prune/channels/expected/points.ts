/** Points of the standard Gaussian, evenly spaced, and their weights: both moments are exact, by symmetry and scale. */
export const POINTS = 65;

const raw = Array.from({ length: POINTS }, (_, k) => (k - (POINTS - 1) / 2) / 8);
const density = raw.map((z) => Math.exp((-z * z) / 2));
const total = density.reduce((sum, d) => sum + d, 0);
const scale = Math.sqrt(total / raw.reduce((sum, z, k) => sum + z * z * (density[k] ?? 0), 0));

export const places: readonly number[] = raw.map((z) => z * scale);
export const weights: readonly number[] = density.map((d) => d / total);
