/** The values that got integers while a recipe is applied, with the tensors of their scales and zero points. */
import { OnnxError } from '../../../onnx/index.ts';
import { DataType } from '../../../onnx/model.ts';
import type { Calibration, CalibrationTarget, TensorStatistics } from '../../../analysis/index.ts';
import { HISTOGRAM_BINS, rangeOf, type Range } from '../../calibrate/range.ts';
import type { StepContext } from '../../context.ts';
import type { Entry, Workspace } from '../../graph/workspace.ts';
import type { StaticEdit } from '../../recipe/static.ts';
import { computed } from '../../weights/linear-tensors.ts';
import { lazy } from '../../weights/stream.ts';
import { integerBytes, integerType, scaleFor, type IntegerType, type ScaleAndZeroPoint } from './integers.ts';
import type { ValuePlan } from './plan.ts';

/** Scale and zero point of an activation; those of a Reshape's output are its input's. */
export interface ActivationParameters {
  readonly type: IntegerType;
  /** Names of the initializers. */
  readonly scale: string;
  readonly zeroPoint: string;
  /** @throws OnnxError where calibration has not told */
  readonly read: (signal?: AbortSignal) => Promise<ScaleAndZeroPoint>;
}

export interface QuantizedValue {
  /** In the original graph. */
  readonly name: string;
  readonly parameters: ActivationParameters;
  readonly format: StaticEdit['format'];
  /** Name of the integers. */
  readonly integers: string;
  /** The quantized node that gives it; undefined where a float node or the caller does. */
  giver?: Entry | undefined;
  /** Entries that take the integers themselves (QOperator). */
  readonly takers: Set<Entry>;
}

export interface QuantizedValues {
  readonly values: Map<string, QuantizedValue>;
  /** Whether what finishes them is in the list of last steps. */
  isFinishing: boolean;
}

/** The values that all static edits of a recipe share. */
export function quantizedValues({ made }: Pick<StepContext, 'made'>): QuantizedValues {
  const key = 'static values';
  const known = made.get(key) as QuantizedValues | undefined;
  if (known !== undefined) return known;
  const values: QuantizedValues = { values: new Map(), isFinishing: false };
  made.set(key, values);
  return values;
}

/** What calibration must tell of a value; nothing where its range is known, or another's. */
export function targetOf(value: ValuePlan | undefined, { range }: StaticEdit): CalibrationTarget[] {
  if (value === undefined || value.range !== undefined || value.like !== undefined) return [];
  const tensor = value.rangeOf;
  if (value.rescaled !== undefined) return [{ tensor, channelAxis: value.rescaled.axis }];
  return [range === 'minmax' ? { tensor } : { tensor, histogramBins: HISTOGRAM_BINS }];
}

/** How a range is found where it is not simply that of the statistics. */
export type FindRange = (calibration: Calibration, signal?: AbortSignal) => Promise<Range>;

/** The value with its tensors, made when first asked for. */
export function quantizedValue(
  context: StepContext,
  edit: StaticEdit,
  plans: ReadonlyMap<string, ValuePlan>,
  name: string,
): QuantizedValue {
  const { values } = quantizedValues(context);
  const known = values.get(name);
  if (known !== undefined) return known;
  const plan = plans.get(name);
  if (plan === undefined) throw new RangeError(`"${name}" was not planned to become integers`);
  const parameters =
    plan.like === undefined
      ? makeParameters(context, edit, plan)
      : quantizedValue(context, edit, plans, plan.like).parameters;
  const integers = context.ws.uniqueName(
    `${name}${edit.format === 'qdq' ? '_QuantizeLinear_Output' : '_quantized'}`,
  );
  const made: QuantizedValue = { name, parameters, format: edit.format, integers, takers: new Set() };
  values.set(name, made);
  return made;
}

function makeParameters(context: StepContext, edit: StaticEdit, plan: ValuePlan): ActivationParameters {
  const { ws, calibration } = context;
  const type = integerType(edit.activationType, edit.isSymmetric);
  const read = lazy(async (signal) => {
    if (plan.range !== undefined) return scaleFor(plan.range, type);
    if (calibration === undefined) throw notCalibrated(ws, plan.rangeOf);
    if (plan.rescaled !== undefined) return scaleFor(await plan.rescaled.find(calibration, signal), type);
    const statistics = statisticsOf(ws, calibration, plan.rangeOf);
    return scaleFor(rangeOf(plan.rangeOf, statistics, edit, type.high - type.low), type);
  });
  const scale = ws.uniqueName(`${plan.name}_scale`);
  const zeroPoint = ws.uniqueName(`${plan.name}_zero_point`);
  ws.addInitializer(ws.main, {
    name: scale,
    dataType: DataType.float,
    dims: [],
    location: computed(4, async (signal) => {
      const found = await read(signal);
      return new Uint8Array(Float32Array.of(found.scale).buffer);
    }),
  });
  ws.addInitializer(ws.main, {
    name: zeroPoint,
    dataType: type.dataType,
    dims: [],
    location: computed(type.bytes, async (signal) => integerBytes((await read(signal)).zeroPoint, type)),
  });
  return { type, scale, zeroPoint, read };
}

export function notCalibrated({ model }: Workspace, tensor: string): OnnxError {
  const message = `the scale of "${tensor}" needs calibration data: run some through the model first`;
  return new OnnxError('unsupported', message, { file: model.source.file.name });
}

/** @throws OnnxError where nothing was collected of it, or nothing but NaN and infinities */
export function statisticsOf(
  ws: Workspace,
  calibration: Calibration,
  tensor: string,
  axis?: number,
): TensorStatistics {
  const found = calibration.statistics(tensor, axis);
  if (found === undefined) throw notCollected(ws, tensor);
  if (found.count > 0 || (found.nonFinite ?? 0) === 0) return found;
  const message = `calibration saw no finite value of "${tensor}": give other data, or leave out the layers that take it`;
  throw new OnnxError('unsupported', message, { file: ws.model.source.file.name });
}

export function notCollected({ model }: Workspace, tensor: string): OnnxError {
  const message = `calibration collected nothing of "${tensor}": run it again for this recipe`;
  return new OnnxError('unsupported', message, { file: model.source.file.name });
}
