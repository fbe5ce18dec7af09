/** What a layer's constants become: by least squares, by a new mean, or by a new mean and variance of each channel. */
import type { CalibrationTarget, ChannelStatistics, GramTarget } from '../../../../analysis/index.ts';
import { elementCount, OnnxError, readTensor, type TensorRef } from '../../../../onnx/index.ts';
import { executor } from '../../../executor.ts';
import { turned } from '../../../kernels/transpose.ts';
import type { ChannelRepair } from '../../../recipe/recipe.ts';
import { computed } from '../../../weights/linear-tensors.ts';
import { withOriginal } from '../../../weights/original.ts';
import { seenAxis, seenRows, seenValue } from '../../seen-body.ts';
import { isTracked } from '../axis.ts';
import type { ImportanceContext } from '../importance.ts';
import type { ChannelPlan } from '../plan.ts';
import { rowsOf, type NormLayer, type Users, type WeightLayer } from './layer.ts';
import type { Turn } from './rounds.ts';
import type { RepairAnswer, RepairQuestion, RepairResult, RepairStage, RepairValues } from './stage.ts';

/**
 * Of the inputs' mean variance: from what settles what the data leave open to where next to nothing moves. Samples that a
 * fit did not see say which.
 */
const DAMPINGS = [0.001, 0.01, 0.1, 1, 10];
/** The more of them, the more samples each fit sees; but of large matrices each one takes memory, and time to solve. */
const MAX_FOLDS = 4;
const MAX_FOLD_BYTES = 4 * 1024 ** 2;
/** A channel that hardly moves any more is not blown up further. */
const MAX_SCALE = 10;

export interface RepairContext extends Pick<
  ImportanceContext,
  'model' | 'trace' | 'tensor' | 'calibration' | 'seen'
> {
  readonly plan: ChannelPlan;
  readonly repair: ChannelRepair;
  readonly edit: number;
  readonly values: RepairValues | undefined;
  readonly isOriginal: (value: string) => boolean;
  readonly users: Users;
}

/** How new values are found: the mean alone, mean and variance, or all weights from these rows. */
type Way = 'bias' | 'scale' | { readonly rows: GramTarget };

/** Constants that shrink, then get new values under a key. */
abstract class NewValues<Part extends string> {
  protected readonly context: RepairContext;
  protected readonly id: string;
  private readonly bare = new Map<Part, TensorRef>();

  constructor(context: RepairContext, id: string) {
    this.context = context;
    this.id = id;
  }

  /** `bare` with the values found, once they are. */
  tensor(part: Part, bare: TensorRef): TensorRef {
    this.bare.set(part, bare);
    const make = async (signal?: AbortSignal): Promise<Uint8Array> => {
      const { values } = this.context;
      if (values === undefined) throw this.unanswered();
      const found = await values.read(this.key(part));
      return found === undefined ? readTensor(this.context.model, bare, { signal }) : bytesOf(found);
    };
    const { name, dataType, dims } = bare;
    const location = computed(4 * elementCount(dims), make);
    return withOriginal({ name, dataType, dims, location }, bare);
  }

  protected key(part: Part): string {
    return `${this.context.edit}\0${this.id}\0${part}`;
  }

  protected async bareValues(part: Part, signal: AbortSignal | undefined): Promise<Float32Array> {
    const tensor = this.bareTensor(part);
    const bytes = Uint8Array.from(await readTensor(this.context.model, tensor, { signal }));
    return new Float32Array(bytes.buffer);
  }

  protected bareTensor(part: Part): TensorRef {
    const bare = this.bare.get(part);
    if (bare === undefined) throw new RangeError(`no ${part} of "${this.id}"`);
    return bare;
  }

  protected unanswered(): OnnxError {
    const message = `repair of "${this.id}" needs calibration data: run the model on samples first`;
    return new OnnxError('unsupported', message, { node: this.id });
  }

  /** Each part's values under its key. */
  protected named(parts: Readonly<Partial<Record<Part, Float32Array>>>): RepairResult['values'] {
    return new Map(
      Object.entries(parts).map(([part, values]) => [this.key(part as Part), values as Float32Array]),
    );
  }
}

export class LayerRepair extends NewValues<'weight' | 'bias'> {
  readonly layer: WeightLayer;
  private readonly way: Way;

  /** @param way by least squares: where the layer is not too large for it, else the mean */
  constructor(context: RepairContext, layer: WeightLayer, way: 'bias' | 'scale' | 'least-squares') {
    super(context, layer.id);
    this.layer = layer;
    const rows = way === 'least-squares' ? rowsOf(layer, this.channels) : undefined;
    this.way = rows !== undefined ? { rows } : way === 'scale' ? way : 'bias';
  }

  get output(): string {
    return this.layer.output;
  }

  /** How many output channels are left. */
  get channels(): number {
    const atoms = this.outputAtoms;
    const { weight, outAxis } = this.layer;
    return atoms === undefined ? (weight.dims[outAxis] ?? 1) : this.context.plan.count(atoms);
  }

  private get outputAtoms(): Int32Array | undefined {
    const { output, outputAxis } = this.layer;
    const axis = this.context.trace.valueAxes.get(output)?.at(outputAxis);
    return isTracked(axis) ? axis.atoms : undefined;
  }

  private get statistics(): CalibrationTarget & { channelAxis: number } {
    const { output, outputAxis } = this.layer;
    const { seen } = this.context;
    return { tensor: seenValue(output, seen), channelAxis: seenAxis(outputAxis, seen) };
  }

  /** Of the original. */
  get needs(): readonly CalibrationTarget[] {
    return typeof this.way === 'string' ? [this.statistics] : [];
  }

  stage({ round, residual }: Turn): RepairStage {
    const { way, layer, id, context } = this;
    const { edit, seen } = context;
    if (typeof way === 'string') {
      const question = { statistics: this.statistics };
      const ask = (): Promise<RepairQuestion> => Promise.resolve(question);
      return { edit, node: id, round, ask, solve: (answer, signal) => this.restate(answer, signal) };
    }
    const known = residual !== undefined && context.isOriginal(residual.sum) ? residual : undefined;
    const ask = async (signal?: AbortSignal): Promise<RepairQuestion> => ({
      moments: {
        input: seenValue(layer.node.inputs[0] ?? '', seen),
        rows: seenRows(way.rows, seen),
        output: seenValue(known?.sum ?? layer.output, seen),
        minus: known && seenValue(known.other, seen),
        channels: await this.kept(signal),
        folds: this.foldsOf(way.rows),
      },
    });
    return { edit, node: id, round, ask, solve: (answer, signal) => this.fit(answer, signal) };
  }

  /** Two at least, however large: without one apart nothing tells whether a fit helps. */
  private foldsOf(rows: GramTarget): number {
    const outputs = this.channels;
    const size = elementCount(this.bareTensor('weight').dims) / outputs;
    const groups = rows.kind === 'patches' ? rows.groups : 1;
    const bytes = 4 * (size + 1) * (groups * (size + 1) + outputs);
    return Math.min(MAX_FOLDS, Math.max(2, Math.floor(MAX_FOLD_BYTES / bytes)));
  }

  private async kept(signal: AbortSignal | undefined): Promise<Int32Array> {
    const atoms = this.outputAtoms;
    if (atoms !== undefined) return this.context.plan.kept(atoms, signal);
    return Int32Array.from({ length: this.channels }, (_, i) => i);
  }

  private async fit({ moments }: RepairAnswer, signal: AbortSignal | undefined): Promise<RepairResult> {
    const { outAxis, alpha, beta } = this.layer;
    const outputs = this.channels;
    const bare = await this.bareValues('weight', signal);
    const size = bare.length / outputs;
    if (moments?.size !== size) throw this.unanswered();
    const rowMajor = outAxis === 0 ? bare : transposed(bare, size, outputs);
    const ownBias = await this.bareValues('bias', signal);
    const found = await executor().run('leastSquares', {
      folds: moments.folds.map((f) => ({ rows: f.rows, inputs: f.inputs, products: f.outputs })),
      size,
      weights: rowMajor.map((w) => alpha * w),
      bias: ownBias.map((b) => beta * b),
      outputs,
      groups: moments.groups,
      dampings: DAMPINGS,
    });
    const keepsWeights = found.ridge.damping === 'none';
    const weights = found.weights.map((w) => w / alpha);
    return {
      values: this.named({
        weight: keepsWeights ? bare : outAxis === 0 ? weights : transposed(weights, outputs, size),
        bias: found.bias.map((b) => b / beta),
      }),
      keepsWeights,
    };
  }

  /** Scale and bias after which each channel has the original's mean (and variance). */
  private async restate(
    { statistics: now }: RepairAnswer,
    signal: AbortSignal | undefined,
  ): Promise<RepairResult> {
    const { calibration } = this.context;
    const { outAxis, beta } = this.layer;
    const { tensor, channelAxis } = this.statistics;
    const before = calibration?.statistics(tensor, channelAxis)?.channels;
    const kept = await this.kept(signal);
    if (now?.mean.length !== kept.length || before === undefined) throw this.unanswered();
    const scales = Array.from(kept, (c, i) => (this.way === 'bias' ? 1 : scaleOf(before, c, now, i)));
    const weight = await this.bareValues('weight', signal);
    const bias = await this.bareValues('bias', signal);
    const each = outAxis === 0 ? weight.length / kept.length : 1;
    const values = this.named({
      weight: weight.map((w, i) => w * (scales[Math.floor(i / each) % kept.length] ?? 1)),
      bias: bias.map((b, i) => {
        const [scale, own] = [scales[i] ?? 1, now.mean[i] ?? 0];
        return ((before.mean[kept[i] ?? 0] ?? 0) + scale * (beta * b - own)) / beta;
      }),
    });
    return { values };
  }
}

/** New mean and variance of what a BatchNormalization normalizes, as training would have counted them. */
export class NormRepair extends NewValues<'mean' | 'variance'> {
  readonly needs: readonly CalibrationTarget[] = [];
  private readonly norm: NormLayer;

  constructor(context: RepairContext, norm: NormLayer) {
    super(context, norm.id);
    this.norm = norm;
  }

  get output(): string {
    return this.norm.node.outputs[0] ?? '';
  }

  stage({ round }: Turn): RepairStage {
    const { seen } = this.context;
    const tensor = seenValue(this.norm.node.inputs[0] ?? '', seen);
    const question = { statistics: { tensor, channelAxis: seenAxis(1, seen) } };
    return {
      ...{ edit: this.context.edit, node: this.id, round },
      ask: () => Promise.resolve(question),
      solve: ({ statistics }) => {
        if (statistics === undefined) return Promise.reject(this.unanswered());
        const mean = Float32Array.from(statistics.mean);
        const variance = mean.map((_, c) => varianceOf(statistics, c));
        return Promise.resolve({ values: this.named({ mean, variance }) });
      },
    };
  }
}

function varianceOf({ mean, meanSquare }: ChannelStatistics, c: number): number {
  return Math.max(0, (meanSquare[c] ?? 0) - (mean[c] ?? 0) ** 2);
}

function scaleOf(before: ChannelStatistics, c: number, now: ChannelStatistics, i: number): number {
  const left = varianceOf(now, i);
  return left === 0 ? 1 : Math.min(MAX_SCALE, Math.sqrt(varianceOf(before, c) / left));
}

/** [rows, columns] → [columns, rows]. */
function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  return turned(values, new Float32Array(values.length), rows, columns);
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
