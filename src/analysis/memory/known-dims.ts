/**
 * What ONNX Runtime's own shape inference knows of a value's dims: less than ours. It decides which outputs share a
 * buffer, since the planner takes two values for equally large only where it can tell before the run. Seen with
 * 1.30: numbers and the symbols of the file are known; a symbol is lost where a window slides over it, a Resize
 * scales it, a Reshape writes it as −1, or it meets a dim that is not known; content is known of constants, and of
 * the Shape of a static tensor.
 */
import { attributeInt, attributeInts } from '../../onnx/model.ts';
import type { DeclaredDim, TypeInfo } from '../../onnx/model.ts';
import { isUnknown } from '../dim.ts';
import type { Dim } from '../types.ts';
import type { Draft } from './runtime.ts';
import { dimsOfValue } from './values.ts';
import type { Value } from './values.ts';

/** Number, symbol, or not known. */
export type KnownSize = number | string | undefined;
export type KnownSizes = readonly KnownSize[];

export interface KnownDims {
  get(value: Value): KnownSizes | undefined;
  has(value: Value): boolean;
}

export function sameSizes(a: KnownSizes, b: KnownSizes): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export function constantDims(v: Value): KnownSizes {
  return (dimsOfValue(v) ?? []).map((d) => (typeof d === 'number' ? d : undefined));
}

export function declaredDims(type: TypeInfo | undefined): KnownSizes | undefined {
  return type?.kind === 'tensor' ? type.shape?.map(declaredSize) : undefined;
}

function declaredSize(d: DeclaredDim): KnownSize {
  if (d.kind === 'size') return d.size < 0 ? undefined : d.size;
  return d.kind === 'symbol' && d.symbol !== '' ? d.symbol : undefined;
}

export function merged(found: KnownSizes | undefined, said: KnownSizes | undefined): KnownSizes | undefined {
  if (found === undefined || said?.length !== found.length) return found ?? said;
  return found.map((d, i) => (typeof d === 'number' ? d : (said[i] ?? d)));
}

/** Dims that are the same in all. Undefined where one is of another rank, or not known. */
export function commonSizes(all: readonly (KnownSizes | undefined)[]): KnownSizes | undefined {
  const [first, ...others] = all;
  if (others.some((o) => o?.length !== first?.length)) return undefined;
  return first?.map((d, axis) => (others.every((o) => o?.[axis] === d) ? d : undefined));
}

/** Inputs whose content the output's shape depends on. */
const contentInputs: Readonly<Record<string, readonly number[]>> = {
  Reshape: [1],
  Expand: [1],
  Tile: [1],
  ConstantOfShape: [0],
  Range: [0, 1, 2],
  Slice: [1, 2, 3, 4],
  Pad: [1, 3],
  Resize: [1, 2, 3],
  Upsample: [1],
  Unsqueeze: [1],
  Squeeze: [1],
  Split: [1],
  TopK: [1],
  OneHot: [1],
  MaxUnpool: [2],
  AffineGrid: [1],
  CenterCropPad: [1],
  ...Object.fromEntries(
    'Mean Sum Max Min Prod L1 L2 LogSum LogSumExp SumSquare'.split(' ').map((n) => [`Reduce${n}`, [1]]),
  ),
};

/** Inputs that alone tell the output's shape, where others are no part of it. */
const shapeInputs: Readonly<Record<string, readonly number[]>> = {
  GroupQueryAttention: [0, 2],
  MultiHeadAttention: [0, 2],
  RotaryEmbedding: [0],
  SkipLayerNormalization: [0],
  SkipSimplifiedLayerNormalization: [0],
};

/** The shape depends on what is computed as the graph runs. */
export function dependsOnContent({ opType, inputs }: Draft): boolean {
  for (const i of contentInputs[opType] ?? []) {
    const input = inputs[i];
    if (input !== undefined && input.kind !== 'constant') return true;
  }
  return false;
}

/** Of an output of `n`, from what is known of its inputs. */
export function inferred(n: Draft, v: Value, known: KnownDims): KnownSizes | undefined {
  const ours = dimsOfValue(v);
  if (ours === undefined) return undefined;
  if (n.source.bodies.length > 0) return rankOf(ours); // what a branch or a loop gives
  const content = contentInputs[n.opType];
  const telling = shapeInputs[n.opType];
  for (let i = 0; i < n.inputs.length; i++) {
    const input = n.inputs[i];
    if (input === undefined || input.kind === 'constant' || telling?.includes(i) === false) continue;
    const isContent = content?.includes(i) === true;
    if (isContent ? isStaticShape(input, known) : known.has(input)) continue;
    if (n.opType === 'Reshape' && i === 0) return reshapedFromUnknown(n, ours, known);
    return tellsRank(n, isContent ? known.get(input) : undefined) ? rankOf(ours) : undefined;
  }
  const data = n.inputs.map((input) => (input ? (known.get(input) ?? []) : undefined));
  const rule = rules[n.opType];
  if (rule) return rule(n, data, ours);
  // without a rule for the operator: ours, where everything that it comes from is known
  const isWhole = data.every((dims) => dims === undefined || dims.every((d) => d !== undefined));
  return isWhole ? ours.map((d) => carried(d, data)) : rankOf(ours);
}

/** Of a Reshape of data of which nothing is known: what its shape says, or its length. */
function reshapedFromUnknown(n: Draft, ours: readonly Dim[], known: KnownDims): KnownSizes | undefined {
  const [, shape] = n.inputs;
  if (shape?.kind === 'constant') return writtenSizes(shape, ours);
  return tellsRank(n, shape && known.get(shape)) ? rankOf(ours) : undefined;
}

function writtenSizes({ type }: Value, ours: readonly Dim[]): KnownSizes {
  const target = type.kind === 'tensor' ? type.content : undefined;
  return ours.map((_, axis) => {
    const size = target?.[axis];
    return typeof size === 'number' && size > 0 ? size : undefined;
  });
}

/** As many dims, of which nothing is known. */
function rankOf(ours: readonly Dim[]): KnownSizes {
  return Array<undefined>(ours.length).fill(undefined);
}

/**
 * Without the data's rank: as many pads as twice the rank, and a Shape is always of rank 1. Without the content: a
 * slice has its data's rank, a range is a vector, and where a shape is read, its length tells (of Reshape since opset 14).
 * @param content dims of the input whose content is not known; undefined where that is the data
 */
function tellsRank({ opType, source }: Draft, content: KnownSizes | undefined): boolean {
  if (opType === 'Pad') return true;
  if (content === undefined) return opType === 'Shape';
  const tellsLength = opType === 'ConstantOfShape' || (opType === 'Reshape' && source.version >= 14);
  return opType === 'Slice' || opType === 'Range' || (tellsLength && typeof content[0] === 'number');
}

/** The Shape of a tensor all of whose dims are numbers: the one content that is followed. */
function isStaticShape(v: Value, known: KnownDims): boolean {
  if (v.producer?.node.opType !== 'Shape') return false;
  const source = v.producer.inputs[0];
  return source !== undefined && (known.get(source)?.every((d) => typeof d === 'number') ?? false);
}

type Data = readonly (KnownSizes | undefined)[];
type Rule = (n: Draft, data: Data, ours: readonly Dim[]) => KnownSizes;

/** Ours, where it is a number, or a symbol that an input carries. */
function carried(d: Dim, data: Data): KnownSize {
  if (typeof d === 'number') return d;
  const name = symbolName(d);
  return name !== undefined && data.some((dims) => dims?.includes(name)) ? name : undefined;
}

const sameAsFirst: Rule = (_, data) => data[0] ?? [];

/** A number beats all; a symbol stays where nothing else meets it but 1. */
const broadcast: Rule = (_, data, ours) =>
  ours.map((_d, axis) => {
    let [met, differ]: [KnownSize, boolean] = [1, false];
    for (const dims of data) {
      const at = dims === undefined ? -1 : axis - ours.length + dims.length;
      const d = at < 0 ? 1 : dims?.[at];
      if (d === 1) continue;
      if (typeof d === 'number') return d;
      if (met !== 1 && met !== d) differ = true;
      met = d;
    }
    return differ ? undefined : met;
  });

const transpose: Rule = (n, [data = []]) => {
  const perm = attributeInts(n.node, 'perm');
  return perm ? perm.map((axis) => data[axis]) : [...data].reverse();
};

/** Rows of A, columns of B, and what is before them broadcast. */
const matMul: Rule = (n, [a = [], b = []], ours) => {
  if (a.length < 2 || b.length < 2) return ours.map((d) => carried(d, [a, b]));
  const batch = broadcast(n, [a.slice(0, -2), b.slice(0, -2)], ours.slice(0, -2));
  return [...batch, a.at(-2), b.at(-1)];
};

/** Rows of A, and as many columns as ours. */
const rowsOfFirst: Rule = (_, [a = []], ours) => {
  const columns = ours.at(-1);
  return [...a.slice(0, -1), typeof columns === 'number' ? columns : undefined];
};

/** Windows: only batch and channels keep a symbol; a size needs all sizes of the image. */
const windowed: Rule = (n, [image = []], ours) => {
  const isFixed = image.slice(2).every((d) => typeof d === 'number');
  const channels = attributeInt(n.node, 'channels_last', 0) === 1 ? ours.length - 1 : 1;
  return ours.map((d, axis) => {
    if (axis === 0) return image[0];
    return typeof d === 'number' && (axis === channels || isFixed) ? d : undefined;
  });
};

/** Operands 0 and 3: each is followed by its scale and zero point. */
const quantizedBroadcast: Rule = (n, data, ours) => broadcast(n, [data[0], data[3]], ours);

const resized: Rule = (_, [image = []], ours) =>
  ours.map((d) => (typeof d === 'number' && image.every((i) => typeof i === 'number') ? d : undefined));

/** A Reshape copies the dims that it writes as 0; −1 is known where the rest is, but for symbols that are copied. */
const reshape: Rule = (n, data, ours) => {
  const [from = []] = data;
  const type = n.inputs[1]?.type;
  const target = type?.kind === 'tensor' ? type.content : undefined;
  return ours.map((d, axis) => {
    if (target?.[axis] === 0) return from[axis];
    if (typeof d !== 'number') return undefined;
    if (target?.[axis] !== -1) return d;
    return from.every((f, i) => typeof f === 'number' || (f !== undefined && target[i] === 0))
      ? d
      : undefined;
  });
};

const concat: Rule = (_, data, ours) =>
  ours.map((d, axis) => {
    const met = data.map((dims) => dims?.[axis]);
    if (met.every((m) => typeof m === 'number')) return typeof d === 'number' ? d : undefined;
    return met.every((m) => m === met[0]) && carried(d, data) !== undefined ? met[0] : undefined;
  });

/** Each axis from where the data's axes of the same formula are; sizes only where all are known. */
const moved: Rule = (_, data, ours) => {
  const [from = []] = data;
  const isWhole = from.every((d) => d !== undefined);
  return ours.map((d) =>
    isWhole ? carried(d, data) : typeof d === 'number' && from.includes(d) ? d : undefined,
  );
};

const shape: Rule = (_, [data = []], ours) => ours.map((d) => (typeof d === 'number' ? d : data.length));

/** Queries and their number; of the caches that are given on nothing is known. */
const attention: Rule = (_, [query = []], ours) => {
  const width = ours.at(-1);
  if (ours.length !== 3) return rankOf(ours);
  return [query[0], query[1], typeof width === 'number' ? width : undefined];
};

/** [N, C, 1, …]. */
const globalPool: Rule = (_, [image = []]) => image.map((d, axis) => (axis < 2 ? d : 1));

/** Axes that the output keeps as they are keep what is known of them. */
const sameAxes: Rule = (n, [from = []], ours) =>
  ours.map((d, axis) => {
    const source = from[axis];
    if (n.opType === 'Slice' && source === undefined) return undefined; // it may be shorter than what is cut out
    if (from.length !== ours.length)
      return from.every((f) => f !== undefined) ? carried(d, [from]) : undefined;
    if (typeof d === 'number' && typeof source === 'number') return d;
    return typeof d === 'number' ? (source === undefined || d === 1 ? d : undefined) : carriedAs(d, source);
  });

function carriedAs(d: Dim, source: KnownSize): KnownSize {
  return symbolName(d) === source ? source : undefined;
}

/** [data before the axis, indices, data after it]. */
const gather: Rule = (n, [data = [], indices = []], ours) => {
  const given = attributeInt(n.node, 'axis', 0);
  const axis = given < 0 ? given + data.length : given;
  const dims = [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)];
  return dims.length === ours.length ? dims : ours.map(() => undefined);
};

const words = (rule: Rule, names: string) => Object.fromEntries(names.split(' ').map((n) => [n, rule]));

const rules: Readonly<Record<string, Rule>> = {
  ...words(
    sameAsFirst,
    'Relu Elu HardSigmoid LeakyRelu Selu Sigmoid Softplus Softsign Tanh ThresholdedRelu Celu Shrink Clip Softmax ' +
      'LogSoftmax Hardmax Abs Neg Floor Ceil Sqrt Exp Log Erf Round Reciprocal Sign Sin Cos Not Cast Identity Dropout Gelu ' +
      'BiasGelu FastGelu QuickGelu QuantizeLinear DequantizeLinear QLinearSigmoid QLinearLeakyRelu QLinearSoftmax LayerNormalization BatchNormalization InstanceNormalization Trilu CumSum',
  ),
  ...words(broadcast, 'Add Sub Mul Div Pow Max Min Mean Sum Mod And Or Xor Equal Less Greater PRelu Where'),
  ...words(
    windowed,
    'Conv FusedConv ConvTranspose ConvInteger QLinearConv DeformConv MaxPool NhwcMaxPool AveragePool LpPool',
  ),
  ...words(quantizedBroadcast, 'QLinearAdd QLinearMul'),
  ...words(resized, 'Resize Upsample'),
  ...words(matMul, 'MatMul MatMulInteger FusedMatMul'),
  ...words(rowsOfFirst, 'MatMulNBits DynamicQuantizeMatMul MatMulIntegerToFloat'),
  ...words(attention, 'GroupQueryAttention MultiHeadAttention'),
  ...words(moved, 'Squeeze Unsqueeze'),
  ...words(globalPool, 'GlobalAveragePool GlobalMaxPool GlobalLpPool'),
  ...words(
    sameAxes,
    'Slice Split ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ' +
      'ReduceSumSquare ArgMax ArgMin Pad',
  ),
  Shape: shape,
  Gather: gather,
  Transpose: transpose,
  Reshape: reshape,
  Concat: concat,
};

/** The name of a dim that is nothing but a symbol. */
function symbolName(d: Dim): string | undefined {
  if (typeof d === 'number' || isUnknown(d) || d.constant !== 0 || d.terms.length !== 1) return undefined;
  const [term] = d.terms;
  const [factor] = term?.factors ?? [];
  const isPlain = term?.coefficient === 1 && term.factors.length === 1 && factor?.power === 1;
  return isPlain && factor.atom.kind === 'symbol' ? factor.atom.name : undefined;
}
