/**
 * Normalization. What is computed over the channels themselves changes when one goes. Where that can be made up for it is,
 * as for a root of mean squares over channels that hold zero; where it nearly can, as for a mean that is subtracted, the
 * channels are marked; else they stay.
 */
import { attributeFloat, attributeInt } from '../../../../onnx/model.ts';
import { floatAttribute } from '../../../graph/nodes.ts';
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

interface LastDim {
  /** The values' last dim, which is normalized over. */
  readonly axis: Axis;
  readonly scale: number;
  readonly bias?: number;
  readonly centres: boolean;
  readonly epsilon: number;
}

/**
 * Of n indices m stay, the others hold zero: the mean square over n is m/n of that over m, so that scale · √(n/m) and
 * epsilon · n/m give the same. A variance is a mean square only where the mean is zero: otherwise it comes near.
 */
function overLast(c: RuleContext, { axis, scale, bias, centres, epsilon }: LastDim): Axis {
  const parts = [scale, ...(bias === undefined || !c.has(bias) ? [] : [bias])];
  const own = parts.map((i) => c.axes(i).at(-1) ?? FIXED);
  const isOwn = c.node.inputs.filter((name) => name === c.node.inputs[scale]).length === 1;
  const isPlain = parts.every((i) => c.isConstant(i) && c.dims(i).length === 1) && isOwn;
  if (!isTracked(axis) || !axis.zero || !isPlain) {
    const what =
      isTracked(axis) && !axis.zero ? 'normalizes over values that are not zero' : 'normalizes over it';
    for (const a of [axis, ...own]) c.block(a, what);
    return c.stays(what);
  }
  const joined = c.join([axis, ...own]);
  const [scales] = own;
  if (!isTracked(joined) || !isTracked(scales)) return joined;
  if (centres) c.approximates(joined, 'takes the mean over those that stay');
  const { atoms } = scales;
  c.scale(scale, atoms);
  const before = attributeFloat(c.node, 'epsilon', epsilon);
  c.rewrite([atoms], (node, w) => {
    const after = floatAttribute('epsilon', (before * atoms.length) / w.count(atoms));
    return [{ ...node, attributes: new Map(node.attributes).set('epsilon', after), range: undefined }];
  });
  return withZero(joined, true);
}

/** Over the last dims, from `axis` on. */
const layerNorm =
  (centres: boolean): Rule =>
  (c) => {
    const axes = c.axes(0);
    const axis = attributeInt(c.node, 'axis', -1);
    const first = axis < 0 ? axis + axes.length : axis;
    const kept = axes.slice(0, first);
    const statistics = [...kept, ...axes.slice(first).map(() => FIXED)];
    const hasStatistics = c.node.outputs.slice(1).some((name) => name !== '');
    if (first === axes.length - 1 && !hasStatistics) {
      const last = overLast(c, { axis: axes[first] ?? FIXED, scale: 1, bias: 2, centres, epsilon: 1e-5 });
      return [[...kept.map((a) => withZero(a, false)), last]];
    }
    for (const i of [1, 2]) if (c.has(i)) normalizedOver(c, c.axes(i));
    const result = [...kept, ...normalizedOver(c, axes.slice(first))];
    return [result.map((a) => withZero(a, false)), statistics, statistics];
  };

/** com.microsoft: input [.., D], skip, gamma, and beta where the mean is subtracted, bias → output, …, the sum. */
const skipNorm =
  (centres: boolean): Rule =>
  (c) => {
    const [input, skip] = [c.axes(0), c.axes(1)];
    if (c.node.outputs.slice(1, 3).some((name) => name !== '')) throw new Refusal('it gives its mean');
    const bias = centres ? 4 : 3;
    const added = [input.at(-1), skip.at(-1), ...(c.has(bias) ? [c.axes(bias).at(-1)] : [])].map(
      (a) => a ?? FIXED,
    );
    const sum = withZero(
      c.join(added),
      added.every((a) => a.zero),
    );
    const rows = input.slice(0, -1).map((a, k) => {
      const at = k - (input.length - skip.length);
      const other = at < 0 || (c.dims(1)[at] === 1 && c.dims(0)[k] !== 1) ? undefined : skip[at];
      return withZero(other === undefined ? a : c.join([a, other]), false);
    });
    const last = overLast(c, {
      axis: sum,
      scale: 2,
      ...(centres ? { bias: 3 } : {}),
      centres,
      epsilon: 1e-12,
    });
    return [[...rows, last], [], [], [...rows, sum]];
  };

/** com.microsoft: ids, segment ids, tables of words, positions and segments [.., D], gamma, beta → output, mask, sum. */
const embedNorm: Rule = (c) => {
  const tables = [2, 3, 4].filter((i) => c.has(i));
  for (const i of tables) c.block(c.axes(i)[0], 'picks indices of it');
  const own = tables.map((i) => c.axes(i)[1] ?? FIXED);
  const sum = withZero(
    c.join(own),
    own.every((a) => a.zero),
  );
  const last = overLast(c, { axis: sum, scale: 5, bias: 6, centres: true, epsilon: 1e-12 });
  return [[FIXED, FIXED, last], [FIXED], [FIXED, FIXED, sum]];
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
  LayerNormalization: layerNorm(true),
  RMSNormalization: layerNorm(false),
  SimplifiedLayerNormalization: layerNorm(false),
  GroupNormalization: groupNorm,
  Softmax: softmax,
  LogSoftmax: softmax,
  LpNormalization: lpNorm,
};

export const microsoftNormRules: RuleTable = {
  SimplifiedLayerNormalization: layerNorm(false),
  LayerNormalization: layerNorm(true),
  SkipLayerNormalization: skipNorm(true),
  SkipSimplifiedLayerNormalization: skipNorm(false),
  EmbedLayerNormalization: embedNorm,
};
