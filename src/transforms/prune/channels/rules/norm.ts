/** Normalization. What is computed over the channels themselves changes when one goes, so those cannot. */
import { attributeInt } from '../../../../onnx/model.ts';
import { FIXED, isTracked, withZero, type Axis } from '../axis.ts';
import { Refusal, type Rule, type RuleContext, type RuleTable } from '../rule.ts';
import { withInt } from './conv.ts';
import { splitAxis } from './reshape.ts';

const batchNorm: Rule = (c) => {
  const [n = FIXED, channels = FIXED, ...spatial] = c.axes(0);
  if (c.node.outputs.slice(1).some((name) => name !== '')) throw new Refusal('it is in training mode');
  if (attributeInt(c.node, 'spatial', 1) === 0) throw new Refusal('it normalizes each place by itself');
  const joined = c.join([channels, ...[1, 2, 3, 4].map((i) => c.axes(i)[0] ?? FIXED)]);
  if (isTracked(joined)) c.scales(1, joined.atoms);
  // scale and bias are among what is zeroed
  return [[n, withZero(joined, isTracked(joined)), ...spatial]];
};

function normalizedOver(c: RuleContext, axes: readonly Axis[]): Axis[] {
  return axes.map((axis) => {
    c.block(axis, 'normalizes over it');
    return c.stays('normalizes over it');
  });
}

const instanceNorm: Rule = (c) => {
  const [n = FIXED, channels = FIXED, ...spatial] = c.axes(0);
  c.prefer(channels);
  const joined = c.join([channels, c.axes(1)[0] ?? FIXED, c.axes(2)[0] ?? FIXED]);
  return [[n, withZero(joined, isTracked(joined)), ...normalizedOver(c, spatial)]];
};

/** Over the last dims, from `axis` on. */
const layerNorm: Rule = (c) => {
  const axes = c.axes(0);
  const axis = attributeInt(c.node, 'axis', -1);
  const first = axis < 0 ? axis + axes.length : axis;
  for (const i of [1, 2]) if (c.has(i)) normalizedOver(c, c.axes(i));
  const kept = axes.slice(0, first);
  const result = [...kept, ...normalizedOver(c, axes.slice(first))];
  const statistics = [...kept, ...axes.slice(first).map(() => FIXED)];
  return [result.map((a) => withZero(a, false)), statistics, statistics];
};

/** Whole groups of channels go, and `num_groups` with them. */
const groupNorm: Rule = (c) => {
  const [n = FIXED, channels = FIXED, ...spatial] = c.axes(0);
  const groups = attributeInt(c.node, 'num_groups', 0);
  const [, count] = c.dims(0);
  if (typeof count !== 'number' || groups < 1 || count % groups !== 0)
    throw new Refusal('its channels are not static');
  const over = normalizedOver(c, spatial);
  const sizes = [groups, count / groups].filter((s) => s > 1);
  const [scale = FIXED, bias = FIXED] = [c.axes(1)[0], c.axes(2)[0]];
  if (groups === 1) {
    normalizedOver(c, [channels, scale, bias]);
    return [[n, c.stays('normalizes over it'), ...over]];
  }
  const [ofGroups = FIXED] = splitAxis(c, channels, sizes, c.id, 0);
  // since opset 21 scale and bias are per channel
  const isPerGroup = c.dims(1)[0] === groups && count !== groups;
  c.join([isPerGroup ? ofGroups : channels, scale, bias]);
  if (isTracked(ofGroups)) {
    const { atoms } = ofGroups;
    c.rewrite([atoms], (node, w) => [withInt(node, 'num_groups', w.count(atoms))]);
  }
  return [[n, withZero(channels, isTracked(channels)), ...over]];
};

/** Over one axis; before opset 13, over all dims from it on. */
const softmax: Rule = (c) => {
  const axes = c.axes(0);
  const isFlat = c.version < 13;
  const axis = attributeInt(c.node, 'axis', isFlat ? 1 : -1);
  const at = axis < 0 ? axis + axes.length : axis;
  return [
    axes.map((a, k) => {
      if (k !== at && !(isFlat && k > at)) return withZero(a, false);
      c.block(a, 'normalizes over it');
      return c.stays('normalizes over it');
    }),
  ];
};

const lpNorm: Rule = (c) => {
  const axes = c.axes(0);
  const axis = attributeInt(c.node, 'axis', -1);
  const at = axis < 0 ? axis + axes.length : axis;
  return [axes.map((a, k) => (k === at ? (normalizedOver(c, [a])[0] ?? FIXED) : a))];
};

export const normRules: RuleTable = {
  BatchNormalization: batchNorm,
  InstanceNormalization: instanceNorm,
  LayerNormalization: layerNorm,
  RMSNormalization: layerNorm,
  GroupNormalization: groupNorm,
  Softmax: softmax,
  LogSoftmax: softmax,
  LpNormalization: lpNorm,
};

export const microsoftNormRules: RuleTable = {
  SimplifiedLayerNormalization: layerNorm,
  LayerNormalization: layerNorm,
};
