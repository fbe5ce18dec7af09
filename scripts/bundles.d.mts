import type { BuildOptions } from 'esbuild';

/** Entry and outfile, from the root of the repository, and how the one becomes the other. */
export type Bundle = readonly [entry: string, outfile: string, options: BuildOptions];
export const entries: readonly Bundle[];
export const testEntries: readonly Bundle[];
