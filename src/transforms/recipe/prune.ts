import { boolean, integer, oneOf, optional, RecipeError, share, string } from './checks.ts';
import type { EditCodec } from './codec.ts';
import { describeLayers, parseSelector, type LayerSelector } from './selector.ts';

/**
 * `wanda`: magnitude times the norm of the input (Sun et al., ICLR 2024), per output. `sparsegpt`: what least hurts the
 * output, the weights that stay making up for it (Frantar and Alistarh, ICML 2023). Both need calibration data.
 */
export const PRUNE_METHODS = ['magnitude', 'random', 'wanda', 'sparsegpt'] as const;
export type PruneMethod = (typeof PRUNE_METHODS)[number];

/** Zeroes a share of a layer's weights. Saves no dense VRAM. */
export interface PruneEdit {
  readonly type: 'prune';
  readonly layers: LayerSelector;
  readonly method: PruneMethod;
  /** Share of the elements (not rows) that become zero, 0..1. With `pattern`, that decides. */
  readonly ratio: number;
  /** For `random`; the same seed prunes the same elements. */
  readonly seed: number;
  /** Bias too, as the article does it; by magnitude or at random. */
  readonly bias: boolean;
  /** `global`: one threshold of magnitude for all the edit's weights together. */
  readonly scope?: 'layer' | 'global' | undefined;
  /** `N:M`, e.g. `2:4`: of each M neighbours along the input dim, N stay. */
  readonly pattern?: string | undefined;
  /** Weights of the main graph become sparse initializers where the file so gets smaller; memory does not. */
  readonly sparse?: boolean | undefined;
}

export interface SparsityPattern {
  /** So many stay … */
  readonly keep: number;
  /** … of so many neighbours. */
  readonly of: number;
}

/** The pattern of an edit; undefined where it has none. */
export function patternOf({ pattern }: Pick<PruneEdit, 'pattern'>): SparsityPattern | undefined {
  const match = /^(\d+):(\d+)$/.exec(pattern ?? '');
  return match === null ? undefined : { keep: Number(match[1]), of: Number(match[2]) };
}

/** Neighbours of a pattern: far more than any hardware takes. */
const MAX_NEIGHBOURS = 64;

export const prune: EditCodec<PruneEdit> = {
  parse: (edit, field) => {
    const parsed: PruneEdit = {
      type: 'prune',
      layers: parseSelector(edit['layers'], `${field}.layers`),
      method: oneOf(edit['method'], `${field}.method`, PRUNE_METHODS),
      ratio: share(edit['ratio'], `${field}.ratio`),
      seed: integer(edit['seed'], `${field}.seed`),
      bias: boolean(edit['bias'], `${field}.bias`),
      ...optional(edit, 'scope', field, (json, at) => oneOf(json, at, ['layer', 'global'] as const)),
      ...optional(edit, 'pattern', field, parsePattern),
      ...optional(edit, 'sparse', field, boolean),
    };
    if (parsed.scope === 'global' && (parsed.method !== 'magnitude' || parsed.pattern !== undefined))
      throw new RecipeError(`${field}.scope`, 'a global threshold is one of magnitudes, without a pattern');
    if (parsed.scope === 'global' && parsed.sparse === true)
      throw new RecipeError(`${field}.sparse`, SPARSE_GLOBAL);
    return parsed;
  },
  describe: (edit) => {
    const how = {
      random: `random, seed ${edit.seed}`,
      magnitude: edit.scope === 'global' ? 'smallest magnitudes of all layers' : 'smallest magnitudes',
      wanda: 'Wanda',
      sparsegpt: 'SparseGPT',
    }[edit.method];
    const much = edit.pattern === undefined ? percent(edit.ratio) : `all but ${edit.pattern}`;
    const what = `${much} of the weights${edit.bias ? ' and biases' : ''}`;
    const file = edit.sparse === true ? ', sparse in the file' : '';
    return `prune ${what} (${how}) of ${describeLayers(edit.layers)}${file}`;
  },
};

/** Why the two do not go together. */
export const SPARSE_GLOBAL =
  'with a global threshold only the weights tell how many zeros each layer gets, and so how large a sparse file becomes';

/** @throws RecipeError where it is no `N:M` with 0 < N < M */
export function parsePattern(json: unknown, field: string): string {
  const pattern = string(json, field);
  const found = patternOf({ pattern });
  if (found === undefined || found.keep < 1 || found.keep >= found.of || found.of > MAX_NEIGHBOURS)
    throw new RecipeError(
      field,
      `expected N:M with 0 < N < M ≤ ${MAX_NEIGHBOURS}, e.g. 2:4, got "${pattern}"`,
    );
  return pattern;
}

function percent(ratio: number): string {
  return `${Number((100 * ratio).toFixed(2))} %`;
}
