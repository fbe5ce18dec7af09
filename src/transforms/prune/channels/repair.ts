/**
 * Makes up for channels that go, in the weights and biases of the layers that read them. What calibration must tell is
 * known from the plan; the new tensors are made when the model is saved.
 */
import type { Calibration, CalibrationTarget, GramTarget } from '../../../analysis/index.ts';
import { elementCount, OnnxError, readTensor } from '../../../onnx/index.ts';
import {
  attributeInt,
  attributeInts,
  attributeString,
  DataType,
  type TensorRef,
} from '../../../onnx/model.ts';
import { executor } from '../../executor.ts';
import type { ChannelRepair } from '../../recipe/recipe.ts';
import { computed } from '../../weights/linear-tensors.ts';
import { lazy } from '../../weights/stream.ts';
import type { ImportanceContext } from './importance.ts';
import type { ChannelPlan } from './plan.ts';
import type { ReaderOf } from './trace.ts';

/** Columns of a weight whose second moments are solved: a matrix of 4608² float32 has 81 MiB. */
const MAX_COLUMNS = 4608;
const DAMPING = 0.01;

export interface Repairs {
  /** By name: constants to select from instead of the originals. */
  readonly tensors: ReadonlyMap<string, TensorRef>;
  /** Readers without a constant bias: what is to be added to their output, one number per output channel. */
  readonly biases: readonly { readonly reader: ReaderOf; readonly tensor: TensorRef }[];
  readonly needs: readonly CalibrationTarget[];
  /** Readers that are left as they are, and why. */
  readonly left: readonly { readonly reader: ReaderOf; readonly reason: string }[];
}

interface Context extends Pick<ImportanceContext, 'model' | 'trace' | 'tensor' | 'calibration'> {
  readonly plan: ChannelPlan;
  readonly repair: ChannelRepair;
  /** Whether calibration, which sees the original model, sees this value as it is now. */
  readonly isOriginal: (value: string) => boolean;
}

/** One number per output of a reader. */
type Shift = (signal?: AbortSignal) => Promise<Float64Array>;

export function repairs(context: Context): Repairs {
  const tensors = new Map<string, TensorRef>();
  const biases: { reader: ReaderOf; tensor: TensorRef }[] = [];
  const needs: CalibrationTarget[] = [];
  const left: { reader: ReaderOf; reason: string }[] = [];
  for (const reader of context.trace.readers) {
    if (context.repair === 'none' || !context.plan.isTouched(reader.atoms)) continue;
    const weight = context.tensor(nameOf(reader));
    const obstacle = weight === undefined ? 'its weight is computed' : obstacleOf(context, reader, weight);
    if (weight === undefined || obstacle !== undefined) {
      left.push({ reader, reason: obstacle ?? '' });
      continue;
    }
    const repairBias = (shift: Shift): void => {
      needs.push({ tensor: reader.input, channelAxis: reader.inputAxis });
      const bias = biasOf(context, reader);
      if (bias === undefined) biases.push({ reader, tensor: shiftTensor(outputsOf(reader, weight), shift) });
      else tensors.set(bias, shifted(context, bias, shift));
    };
    const target = context.repair === 'least-squares' ? gramTarget(reader, weight) : undefined;
    if (target === undefined) {
      repairBias(lazy((signal) => meanShift(context, reader, weight, signal)));
      continue;
    }
    needs.push({ tensor: reader.input, gram: target });
    const fit = new Fit(context, reader, weight, target);
    tensors.set(nameOf(reader), fit.tensor());
    if (knowsMeans(target)) repairBias((signal) => fit.shift(signal));
  }
  return { tensors, biases, needs, left };
}

function nameOf({ node, weight }: ReaderOf): string {
  return node.inputs[weight] ?? '';
}

function obstacleOf({ trace, isOriginal }: Context, reader: ReaderOf, weight: TensorRef): string | undefined {
  const name = nameOf(reader);
  if (weight.dataType !== DataType.float) return 'its weight is not float32';
  const users = [...trace.ids.keys()].filter((n) => n.inputs.includes(name));
  if (users.length > 1) return 'its weight is shared';
  if (!isOriginal(reader.input)) return 'an earlier edit changed what it reads';
  if (reader.kind === 'rows' && weight.dims.length !== 2) return 'its weight is no matrix';
  return undefined;
}

/** Undefined where the matrix would be too large, or windows are not given by numbers: the mean has to do. */
function gramTarget(reader: ReaderOf, weight: TensorRef): GramTarget | undefined {
  const { node } = reader;
  if (reader.kind === 'rows') {
    return (weight.dims[reader.weightAxis] ?? Infinity) <= MAX_COLUMNS ? { kind: 'rows' } : undefined;
  }
  const kernel = weight.dims.slice(2);
  const autoPad = attributeString(node, 'auto_pad') ?? 'NOTSET';
  const columns = elementCount(weight.dims.slice(1));
  if (columns > MAX_COLUMNS || (autoPad !== 'NOTSET' && autoPad !== 'VALID')) return undefined;
  return {
    kind: 'patches',
    kernel,
    strides: attributeInts(node, 'strides') ?? kernel.map(() => 1),
    dilations: attributeInts(node, 'dilations') ?? kernel.map(() => 1),
    pads: attributeInts(node, 'pads') ?? [...kernel, ...kernel].map(() => 0),
    groups: attributeInt(node, 'group', 1),
  };
}

/** Whether the columns' means are the channels' means: padding blurs them, and strides leave values out. */
function knowsMeans(target: GramTarget): boolean {
  if (target.kind === 'rows') return true;
  const { kernel, strides, pads } = target;
  return kernel.every((k) => k === 1) && strides.every((s) => s === 1) && pads.every((p) => p === 0);
}

/**
 * A weight, float32 [M, C, …] or a matrix, with what stays along the read dim fitted by least squares: about the means
 * where they are known, and what that moves goes into the bias.
 */
class Fit {
  private readonly context: Context;
  private readonly reader: ReaderOf;
  private readonly weight: TensorRef;
  private readonly target: GramTarget;
  /** What the fit adds to the outputs; kept, as the bias is read after the weight or before it. */
  private moved: Float64Array | undefined;

  constructor(context: Context, reader: ReaderOf, weight: TensorRef, target: GramTarget) {
    this.context = context;
    this.reader = reader;
    this.weight = weight;
    this.target = target;
  }

  tensor(): TensorRef {
    const { weight } = this;
    const make = async (signal?: AbortSignal): Promise<Uint8Array> => bytesOf(await this.run(signal));
    return { ...anew(weight), location: computed(4 * elementCount(weight.dims), make) };
  }

  async shift(signal?: AbortSignal): Promise<Float64Array> {
    if (this.moved === undefined) await this.run(signal);
    return this.moved ?? new Float64Array(0);
  }

  private async run(signal?: AbortSignal): Promise<Float32Array> {
    const { context, reader, weight, target } = this;
    const found = await calibrationOf(context, reader).gram(reader.input, target);
    const [matrix] = found?.matrices ?? [];
    const isFirst = reader.weightAxis === 0;
    const values = await floatsOf(context, weight, signal);
    const channels = weight.dims[reader.weightAxis] ?? 1;
    const size = isFirst ? channels : elementCount(weight.dims.slice(1));
    if (matrix === undefined || found?.size !== size) throw noCalibration(context, reader);
    const outputs = values.length / size;
    const weights = isFirst ? transposed(values, size, outputs) : values;
    const kept = await columnsKept(context, reader, size / channels, signal);
    const mean = knowsMeans(target) ? meanOf(context, reader) : undefined;
    const gram = mean === undefined ? matrix : centred(matrix, mean);
    const fitted = await executor().run('leastSquares', {
      gram,
      size,
      weights,
      outputs,
      kept,
      damping: DAMPING,
    });
    if (mean !== undefined) this.moved = moved(weights, fitted, kept, mean);
    return isFirst ? transposed(fitted, outputs, size) : fitted;
  }
}

/** G − m mᵀ. */
function centred(gram: Float32Array, mean: Float64Array): Float32Array {
  const size = mean.length;
  return gram.map((v, i) => v - (mean[Math.floor(i / size)] ?? 0) * (mean[i % size] ?? 0));
}

/** W m − W'_K m_K, per output. */
function moved(
  weights: Float32Array,
  fitted: Float32Array,
  kept: Int32Array,
  mean: Float64Array,
): Float64Array {
  const size = mean.length;
  return Float64Array.from({ length: weights.length / size }, (_, o) => {
    const before = mean.reduce((sum, m, i) => sum + m * (weights[o * size + i] ?? 0), 0);
    return kept.reduce((sum, i) => sum - (mean[i] ?? 0) * (fitted[o * size + i] ?? 0), before);
  });
}

function meanOf(context: Context, reader: ReaderOf): Float64Array {
  const mean = calibrationOf(context, reader).statistics(reader.input, reader.inputAxis)?.channels?.mean;
  if (mean?.length !== reader.atoms.length) throw noCalibration(context, reader);
  return mean;
}

async function columnsKept(
  { plan }: Context,
  { atoms }: ReaderOf,
  perChannel: number,
  signal: AbortSignal | undefined,
): Promise<Int32Array> {
  const kept = await plan.kept(atoms, signal);
  return Int32Array.from(
    { length: kept.length * perChannel },
    (_, i) => (kept[Math.floor(i / perChannel)] ?? 0) * perChannel + (i % perChannel),
  );
}

/** What the channels that go add to each output on average: Σ mean · Σ over the kernel of their weights. */
async function meanShift(
  context: Context,
  reader: ReaderOf,
  weight: TensorRef,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const values = await floatsOf(context, weight, signal);
  const gone = Float64Array.from(meanOf(context, reader));
  for (const position of await context.plan.kept(reader.atoms, signal)) gone[position] = 0;
  const outputs = outputsOf(reader, weight);
  const perChannel = elementCount(weight.dims) / (outputs * gone.length);
  const shift = new Float64Array(outputs);
  values.forEach((w, i) => {
    const cell = Math.floor(i / perChannel);
    // [outputs, channels, …] or [channels, outputs]
    const [o, c] =
      reader.weightAxis === 1
        ? [Math.floor(cell / gone.length), cell % gone.length]
        : [cell % outputs, Math.floor(cell / outputs)];
    shift[o] = (shift[o] ?? 0) + w * (gone[c] ?? 0);
  });
  return shift;
}

function outputsOf({ weightAxis }: ReaderOf, weight: TensorRef): number {
  return weight.dims[1 - weightAxis] ?? 1;
}

/** Name of the constant float32 bias [outputs] that only this reader has: its own input, or an Add behind a MatMul. */
function biasOf({ trace, tensor }: Context, { node }: ReaderOf): string | undefined {
  const nodes = [...trace.ids.keys()];
  const [output = ''] = node.outputs;
  const users = nodes.filter((n) => n.inputs.includes(output));
  const [next] = users;
  const isAdd = node.opType === 'MatMul' && users.length === 1 && next?.opType === 'Add';
  const name = isAdd ? next.inputs.find((n) => n !== output) : node.inputs[2];
  const bias = name === undefined || name === '' ? undefined : tensor(name);
  const isOwn = nodes.filter((n) => n.inputs.includes(name ?? '')).length === 1;
  const beta = node.attributes.get('beta');
  const isPlain = beta?.kind !== 'float' || beta.value === 1;
  return bias?.dims.length === 1 && bias.dataType === DataType.float && isOwn && isPlain ? name : undefined;
}

function shifted(context: Context, name: string, shift: Shift): TensorRef {
  const bias = context.tensor(name);
  if (bias === undefined) throw new RangeError(`no constant "${name}"`);
  const make = async (signal?: AbortSignal): Promise<Uint8Array> => {
    const [values, by] = [await floatsOf(context, bias, signal), await shift(signal)];
    return bytesOf(values.map((v, i) => v + (by[i] ?? 0)));
  };
  return { ...anew(bias), location: computed(4 * elementCount(bias.dims), make) };
}

function shiftTensor(outputs: number, shift: Shift): TensorRef {
  const make = async (signal?: AbortSignal) => bytesOf(Float32Array.from(await shift(signal)));
  return { name: '', dataType: DataType.float, dims: [outputs], location: computed(4 * outputs, make) };
}

function anew({ name, dataType, dims }: TensorRef): Omit<TensorRef, 'location'> {
  return { name, dataType, dims };
}

async function floatsOf(
  { model }: Context,
  tensor: TensorRef,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const bytes = Uint8Array.from(await readTensor(model, tensor, { signal }));
  return new Float32Array(bytes.buffer);
}

function calibrationOf({ calibration, trace }: Context, reader: ReaderOf): Calibration {
  if (calibration !== undefined) return calibration;
  throw noCalibration({ trace }, reader);
}

function noCalibration({ trace }: Pick<Context, 'trace'>, { node, input }: ReaderOf): OnnxError {
  const message = `repair needs calibration data for "${input}", the input of "${trace.ids.get(node) ?? node.name}": run the model on samples first`;
  return new OnnxError('unsupported', message, { node: trace.ids.get(node) });
}

/** [rows, columns] → [columns, rows]. */
function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) result[c * rows + r] = values[r * columns + c] ?? 0;
  return result;
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
