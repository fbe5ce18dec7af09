/** Edits as the page and the commands ask for them. */
import type {
  AutoOptions,
  CastOptions,
  EditRequest,
  PruneOptions,
  QuantizeOptions,
} from '../src/protocol.ts';
import {
  dynamicWeights,
  parsePattern,
  SPARSE_GLOBAL,
  staticWeights,
  type CastEdit,
  type Edit,
  type LayerSelector,
  type PruneChannelsEdit,
  type PruneEdit,
  type QuantizeEdit,
} from '../src/transforms/index.ts';

/** Settings of one form; `auto` is several, which only a look at the weights tells (see addition.ts). */
export type FormOptions = Exclude<QuantizeOptions, AutoOptions>;

/** What is one edit. */
export type SingleRequest =
  | Exclude<EditRequest, { readonly type: 'quantize' }>
  | { readonly type: 'quantize'; readonly layerIds: readonly string[]; readonly options: FormOptions };

/** @throws RangeError where no layer is named or a figure is out of range */
export function editFor(request: SingleRequest): Edit {
  if (request.type === 'prune-blocks')
    return { type: 'prune-blocks', layers: { nodes: [...request.options.blocks] } };
  const layers = namedLayers(request);
  if (request.type === 'quantize') return quantizeEdit(layers, request.options);
  if (request.type === 'cast') return castEdit(layers, request.options);
  return pruneEdit(layers, request.options);
}

/** @throws RangeError where there is none */
export function namedLayers({ layerIds }: Pick<EditRequest, 'layerIds'>): LayerSelector {
  if (layerIds.length === 0) throw new RangeError('no layer was chosen');
  return { nodes: [...layerIds] };
}

/** What is empty is left out, so that the recipe stays short. */
function castEdit(
  layers: LayerSelector,
  { to, keepIo, keepFloat32 = '', keepOps = [] }: CastOptions,
): CastEdit {
  return {
    ...{ type: 'cast', layers, to, keepIo },
    ...(keepFloat32 === '' ? {} : { keepFloat32: { glob: keepFloat32 } }),
    ...(keepOps.length === 0 ? {} : { keepOps: [...keepOps] }),
  };
}

/** @throws RangeError or RecipeError where the options cannot be, or not together */
export function pruneEdit(layers: LayerSelector, options: PruneOptions): PruneEdit | PruneChannelsEdit {
  const { ratio } = options;
  if (!(ratio >= 0 && ratio <= 1)) throw new RangeError(`expected a ratio from 0 to 1, got ${ratio}`);
  if (options.kind === 'channels') {
    const { importance, repair, roundTo, approximate, maxRatio } = options;
    if (maxRatio !== undefined && !(maxRatio >= 0 && maxRatio <= 1))
      throw new RangeError(`expected a ratio from 0 to 1, got ${maxRatio}`);
    if (roundTo !== undefined && !(Number.isSafeInteger(roundTo) && roundTo >= 1))
      throw new RangeError(`expected a whole number of channels, got ${roundTo}`);
    const rest = {
      ...(approximate === true ? { approximate } : {}),
      ...(roundTo === undefined ? {} : { roundTo }),
    };
    return { type: 'prune-channels', layers, importance, ratio, seed: 0, repair, ...rest };
  }
  const { method, scope, pattern, sparse } = options;
  if (scope === 'global' && (method !== 'magnitude' || pattern !== undefined))
    throw new RangeError('a global threshold is one of magnitudes, without a pattern');
  if (scope === 'global' && sparse === true) throw new RangeError(SPARSE_GLOBAL);
  return {
    ...{ type: 'prune', layers, method, ratio, seed: 0, bias: false, scope },
    ...(pattern === undefined ? {} : { pattern: parsePattern(pattern, 'pattern') }),
    ...(sparse === true ? { sparse } : {}),
  };
}

/** What is as usual is left out, so that the recipe stays short. */
export function quantizeEdit(layers: LayerSelector, options: FormOptions): QuantizeEdit {
  switch (options.form) {
    case 'dynamic-int8': {
      const { form, granularity, weights } = options;
      return { type: 'quantize', layers, form, granularity, ...dynamicWeights(weights) };
    }
    case 'blocks': {
      const { form, bits, blockSize, isSymmetric, algorithm, operator } = options;
      return {
        ...{ type: 'quantize', layers, form, bits, blockSize },
        ...(isSymmetric ? { isSymmetric } : {}),
        ...(algorithm === 'round' ? {} : { algorithm }),
        ...(operator === 'MatMulNBits' ? {} : { operator }),
      };
    }
    case 'static': {
      const { format, activationType, weights, granularity, range, isSymmetric } = options;
      const { form, smoothQuant, equalize, biasCorrection } = options;
      if (smoothQuant !== undefined && !(smoothQuant >= 0 && smoothQuant <= 1))
        throw new RangeError(`expected an alpha from 0 to 1, got ${smoothQuant}`);
      return {
        ...{ type: 'quantize', layers, form, format, activationType },
        ...staticWeights(weights, activationType),
        ...{ granularity, range, isSymmetric },
        ...(smoothQuant === undefined ? {} : { smoothQuant }),
        ...(equalize ? { equalize } : {}),
        ...(biasCorrection ? { biasCorrection } : {}),
      };
    }
  }
}
