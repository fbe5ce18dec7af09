/** Convolutions. */
import { DataType } from '../../onnx/model.ts';
import { add, isUnknown, mul, sub } from '../dim.ts';
import type { Dim, Shape } from '../types.ts';
import { tensor, ShapeError } from './rule.ts';
import type { Dims, Rule, RuleContext, RuleTable } from './rule.ts';
import { effectiveKernel, rankUnknown, windowAttributes, windowedDims } from './spatial.ts';

interface ConvLayout {
  /** Data is [N, d1, …, C]. */
  readonly channelsLast?: boolean;
  /** Default true: the weights' channels must be those of the data. */
  readonly channelsChecked?: boolean;
}

/** [N, M, o1, …] for data [N, C, d1, …] and weights [M, C / group, k1, …]. */
export function convDims(
  c: RuleContext,
  data: Dims | undefined,
  weights: Dims | undefined,
  { channelsLast = false, channelsChecked = true }: ConvLayout = {},
): Shape {
  if (data === undefined) return rankUnknown;
  if (data.length < 2) throw new ShapeError(`convolution of a tensor of rank ${data.length}`);
  const kernel = c.ints('kernel_shape') ?? weights?.slice(2);
  if (kernel === undefined) return data.map((d, i) => (i === 0 ? d : c.derived(0, `d${i}`)));
  if (channelsChecked) checkChannels(c, channelsLast ? data.at(-1) : data[1], weights?.[1]);
  const spatial = windowedDims(channelsLast ? data.slice(1, -1) : data.slice(2), windowAttributes(c, kernel));
  const [batch, channels] = [data[0] ?? 1, weights?.[0] ?? rankUnknown];
  return channelsLast ? [batch, ...spatial, channels] : [batch, channels, ...spatial];
}

function checkChannels(c: RuleContext, channels: Dim | undefined, perGroup: Dim | undefined): void {
  const group = c.int('group', 1);
  if (typeof channels === 'number' && typeof perGroup === 'number' && channels !== perGroup * group)
    throw new ShapeError(`data has ${channels} channels, weights are for ${perGroup * group}`);
}

const conv: Rule = (c) => [tensor(c.elem(0), convDims(c, c.dims(0), c.dims(1)))];

/** [N, M·group, …] for weights [C, M, k1, …]: stride·(d − 1) + output_padding + extent − pads. */
export function convTransposed(
  c: RuleContext,
  data: Dims | undefined,
  weights: Dims | undefined,
  channelsLast = false,
): Shape {
  const kernel = c.ints('kernel_shape') ?? weights?.slice(2);
  if (data === undefined || kernel === undefined) return rankUnknown;
  const w = windowAttributes(c, kernel);
  const spatial = transposedDims(c, channelsLast ? data.slice(1, -1) : data.slice(2), w);
  const channels = weights?.[1] === undefined ? rankUnknown : mul(weights[1], c.int('group', 1));
  return channelsLast ? [data[0] ?? 1, ...spatial, channels] : [data[0] ?? 1, channels, ...spatial];
}

const convTranspose: Rule = (c) => [tensor(c.elem(0), convTransposed(c, c.dims(0), c.dims(1)))];

function transposedDims(c: RuleContext, spatial: Dims, w: ReturnType<typeof windowAttributes>): Dims {
  const n = spatial.length;
  const given = c.ints('output_shape');
  if (given) return given.slice(-n);
  const extra = c.ints('output_padding') ?? Array<number>(n).fill(0);
  return spatial.map((d, i) => {
    const stride = w.strides[i] ?? 1;
    if (w.autoPad.startsWith('SAME')) return mul(d, stride);
    const pads = w.autoPad === 'VALID' ? 0 : (w.pads[i] ?? 0) + (w.pads[i + n] ?? 0);
    return sub(add(mul(stride, sub(d, 1)), extra[i] ?? 0, effectiveKernel(w, i)), pads);
  });
}

/** As Conv; the offsets are the third input. */
const deformConv: Rule = conv;

const convInteger: Rule = (c) => [tensor(DataType.int32, convDims(c, c.dims(0), c.dims(1)))];

/** x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, B */
export const qLinearConv: Rule = (c) => [
  tensor(
    c.elem(7) || c.elem(0),
    convDims(c, c.dims(0), c.dims(3), { channelsLast: c.int('channels_last', 0) === 1 }),
  ),
];

/** [batch, C·∏block, L] becomes [batch, C, image…]. */
const col2Im: Rule = (c) => {
  const [data, image, block] = [c.dims(0), c.content(1), c.content(2)];
  const rank = c.dims(1)?.[0];
  if (data === undefined || (image === undefined && typeof rank !== 'number'))
    return [tensor(c.elem(0), rankUnknown)];
  const spatial = image ?? Array.from({ length: Number(rank) }, (_, i) => c.derived(0, `d${i + 2}`));
  const [channels, size] = [data[1] ?? 1, block ? mul(...block) : rankUnknown];
  const perBlock =
    typeof channels === 'number' && typeof size === 'number' ? channels / size : c.derived(0, 'd1', channels);
  return [
    tensor(c.elem(0), [data[0] ?? 1, isUnknown(size) ? c.derived(0, 'd1', channels) : perBlock, ...spatial]),
  ];
};

export const convolutions: RuleTable = {
  Conv: conv,
  ConvTranspose: convTranspose,
  DeformConv: deformConv,
  ConvInteger: convInteger,
  QLinearConv: qLinearConv,
  Col2Im: col2Im,
};
