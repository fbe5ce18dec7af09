/** Normalizations: what comes out has the mean and deviation that their bias and scale say. */
import { attributeInt } from '../../../../onnx/model.ts';
import { attentionWeights } from './linear.ts';
import { axisIn, lengthOf, type FlowContext, type FlowRule, type FlowTable } from './rule.ts';
import {
  averaged,
  combined,
  constant,
  countOf,
  gaussian,
  momentsOf,
  standard,
  Unfit,
  type Spread,
} from './spread.ts';

/** @param dims of scale and bias among those of the values */
async function normed(c: FlowContext, dims: readonly number[], scale: number, bias: number): Promise<Spread> {
  const gamma = c.has(scale) ? await c.values(scale) : new Float64Array(countOf(dims)).fill(1);
  const beta = bias >= 0 && c.has(bias) ? await c.values(bias) : new Float64Array(gamma.length);
  if (gamma.length !== countOf(dims) || beta.length !== gamma.length) throw new Unfit();
  return gaussian({ dims, mean: beta, variance: gamma.map((g) => g * g) });
}

const perChannel: FlowRule = async (c) => {
  const rank = c.outDims(0).length;
  const { length } = await c.values(1);
  return [
    await normed(
      c,
      Array.from({ length: rank }, (_, k) => (k === 1 ? length : 1)),
      1,
      2,
    ),
  ];
};

/** Since opset 21 scale and bias are per channel; before, per group. */
const groupNorm: FlowRule = async (c) => {
  const rank = c.outDims(0).length;
  const channels = c.dims(0)[1];
  const [gamma, beta] = [await c.values(1), await c.values(2)];
  if (typeof channels !== 'number' || channels % gamma.length !== 0) throw new Unfit();
  const of = (list: Float64Array): Float64Array =>
    Float64Array.from({ length: channels }, (_, i) => list[Math.floor((i * list.length) / channels)] ?? 0);
  const dims = Array.from({ length: rank }, (_, k) => (k === 1 ? channels : 1));
  return [gaussian({ dims, mean: of(beta), variance: of(gamma).map((g) => g * g) })];
};

const overLast =
  (scale: number, bias: number): FlowRule =>
  async (c) => {
    const rank = c.outDims(0).length;
    const { length } = await c.values(scale);
    const axis = axisIn(attributeInt(c.node, 'axis', -1), rank);
    const last = c.outDims(0).slice(axis);
    const dims = last.length === 1 ? [length] : last.map((d) => (typeof d === 'number' ? d : NaN));
    const ones = Array.from({ length: axis }, () => 1);
    return [await normed(c, [...ones, ...dims], scale, bias)];
  };

/** Gives the sum that it norms, too. */
const skipNorm =
  (bias: number): FlowRule =>
  async (c) => {
    const [normal] = await overLast(2, bias)(c);
    const rank = c.outDims(0).length;
    const [a, b] = [await c.spread(0), await c.spread(1)];
    const nothing = standard(rank);
    const sum = combined(
      a,
      b,
      (x, y) => x + y,
      (x, y) => ({
        dims: x.dims,
        mean: x.mean.map((m, i) => m + (y.mean[i] ?? 0)),
        variance: x.variance.map((v, i) => v + (y.variance[i] ?? 0)),
      }),
    );
    return normal === undefined ? [] : [normal, nothing, nothing, sum];
  };

const softmax: FlowRule = async (c) => {
  const dims = c.dims(0);
  const axis = axisIn(attributeInt(c.node, 'axis', c.version < 13 ? 1 : -1), dims.length);
  const scores = await c.spread(0);
  const own = momentsOf(scores);
  // their variance along the dim, not that of their mean
  const variance = momentsOf(averaged(asValues(scores.dims, own.variance), [axis])).mean;
  const left = scores.dims.map((d, k) => (k === axis ? 1 : d));
  return [attentionWeights({ dims: left, mean: variance, variance }, lengthOf(dims[axis]))];
};

const asValues = (dims: readonly number[], values: Float64Array): Spread => constant(dims, values);

export const normRules: FlowTable = {
  BatchNormalization: perChannel,
  InstanceNormalization: perChannel,
  GroupNormalization: groupNorm,
  LayerNormalization: overLast(1, 2),
  RMSNormalization: overLast(1, -1),
  SimplifiedLayerNormalization: overLast(1, -1),
  SkipLayerNormalization: skipNorm(3),
  SkipSimplifiedLayerNormalization: skipNorm(-1),
  Softmax: softmax,
};
