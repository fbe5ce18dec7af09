/** Normalisations: the data keeps its shape; some also give statistics. */
import { DataType } from '../../onnx/model.ts';
import { unknown } from '../dim.ts';
import type { Shape } from '../types.ts';
import { normalizeAxis, sameAs, tensor } from './rule.ts';
import type { Rule, RuleTable } from './rule.ts';

/** Outputs after the first are statistics of the channels: [C]. Through opset 13 five, since 14 three. */
const batchNormalization: Rule = (c) => {
  const y = tensor(c.elem(0), c.shape(0));
  const statistics = Array.from({ length: Math.max(c.outputCount - 1, 0) }, (_, i) =>
    tensor(c.elem(Math.min(3 + i, 4)) || c.elem(0), c.shape(3)),
  );
  return [y, ...statistics];
};

/** Mean and inverse standard deviation: the dims from `axis` on are 1. */
export const layerNormalization: Rule = (c) => {
  const dims = c.dims(0);
  const at = dims && normalizeAxis(c.int('axis', -1), dims.length);
  const kept: Shape = dims?.map((d, i) => (i < (at ?? 0) ? d : 1)) ?? unknown('input rank is not known');
  const stash = c.int('stash_type', DataType.float);
  return [tensor(c.elem(0), c.shape(0)), tensor(stash, kept), tensor(stash, kept)];
};

/** X, scale → Y and the inverse deviation: ONNX Runtime's RMS normalisation. Y has the scale's type. */
export const simplifiedLayerNormalization: Rule = (c) => {
  const [y, , deviation] = layerNormalization(c);
  return [tensor(c.elem(1) || c.elem(0), c.shape(0)), deviation ?? y ?? unknown('no output')];
};

export const normalizations: RuleTable = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: sameAs(0),
  SimplifiedLayerNormalization: simplifiedLayerNormalization,
  GroupNormalization: sameAs(0),
  InstanceNormalization: sameAs(0),
};
