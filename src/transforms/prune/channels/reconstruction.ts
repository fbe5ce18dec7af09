/**
 * Importance by what can be made up for: a channel that the others of its layer can stand in for goes before one that
 * they cannot, however large it is. Needs second moments of what the group's readers read.
 */
import type { CalibrationTarget } from '../../../analysis/calibration.ts';
import { elementCount, readTensor, type TensorRef } from '../../../onnx/index.ts';
import { executor } from '../../executor.ts';
import type { EliminatedLayer } from '../../kernels/elimination.ts';
import { notSeen, seenRows } from '../seen-body.ts';
import { decodeFloats } from './floats.ts';
import type { ChannelGroup } from './groups.ts';
import { groupReaders, seenInput, type ImportanceContext } from './importance.ts';
import { rowsOfWeight } from './repair/layer.ts';
import type { ReaderOf } from './trace.ts';

/** Columns of a reader at most: float64 matrices of 2304² take 42 MiB, a minute or so to go through. */
const MAX_COLUMNS = 2304;
/** The least that repair has. */
const DAMPING = 0.001;

/** What calibration is asked of the group's readers. */
export function reconstructionNeeds(context: ImportanceContext, group: ChannelGroup): CalibrationTarget[] {
  return groupReaders(context, group).flatMap((reader) => {
    const gram = rowsOf(context, reader);
    return gram === undefined
      ? []
      : [{ tensor: seenInput(reader, context.seen).tensor, gram: seenRows(gram, context.seen) }];
  });
}

/** Undefined where none of the readers can be looked at this way. */
export async function reconstruction(
  context: ImportanceContext,
  group: ChannelGroup,
  signal: AbortSignal | undefined,
): Promise<Float64Array | undefined> {
  const layers: EliminatedLayer[] = [];
  for (const reader of groupReaders(context, group)) {
    const layer = await layerOf(context, group, reader, signal);
    if (layer !== undefined) layers.push(layer);
  }
  if (layers.length === 0) return undefined;
  return executor().run('elimination', { layers, units: group.units.length, damping: DAMPING });
}

export function canReconstruct(context: ImportanceContext, group: ChannelGroup): boolean {
  return groupReaders(context, group).some((reader) => rowsOf(context, reader) !== undefined);
}

function rowsOf({ tensor }: ImportanceContext, { node, weight, weightAxis }: ReaderOf) {
  const own = tensor(node.inputs[weight] ?? '');
  if (own === undefined || node.domain !== '' || weight !== 1) return undefined;
  const rows = rowsOfWeight(node, own, weightAxis, MAX_COLUMNS);
  // moments are of all channels together, and a reader with groups sums over some of them
  return rows?.kind === 'patches' && rows.groups > 1 ? undefined : rows;
}

async function layerOf(
  context: ImportanceContext,
  group: ChannelGroup,
  reader: ReaderOf,
  signal: AbortSignal | undefined,
): Promise<EliminatedLayer | undefined> {
  const { trace, grouping, calibration, seen } = context;
  const rows = rowsOf(context, reader);
  const own = context.tensor(reader.node.inputs[reader.weight] ?? '');
  if (rows === undefined || own === undefined) return undefined;
  const { tensor } = seenInput(reader, seen);
  const found = await calibration?.gram(tensor, seenRows(rows, seen));
  const [gram] = found?.matrices ?? [];
  const [mean] = found?.means ?? [];
  if (found === undefined || found.rows === 0 || gram === undefined || mean === undefined) {
    const says = {
      missing: `importance by reconstruction needs calibration data for "${tensor}": run the model on samples first`,
      unreached: `no sample of the calibration data reaches "${tensor}": give other data, or choose another importance`,
    };
    throw notSeen(calibration, tensor, says, trace.ids.get(reader.node));
  }
  const { size } = found;
  const each = size / reader.atoms.length;
  const unitOf = Int32Array.from({ length: size }, (_, column) => {
    const root = trace.classes.find(reader.atoms[Math.floor(column / each)] ?? 0);
    return grouping.groupOf[root] === group.index ? (grouping.unitOf[root] ?? -1) : -1;
  });
  const outputs = elementCount(own.dims) / size;
  return {
    ...{ gram, mean, size, outputs, unitOf },
    weights: byColumn(await floatsOf(context, own, signal), reader.weightAxis, size, outputs),
  };
}

async function floatsOf(
  { model }: ImportanceContext,
  tensor: TensorRef,
  signal: AbortSignal | undefined,
): Promise<ArrayLike<number>> {
  return decodeFloats(Uint8Array.from(await readTensor(model, tensor, { signal })), tensor.dataType);
}

/** [size, outputs] of a weight whose axis `axis` is summed over. */
function byColumn(values: ArrayLike<number>, axis: number, size: number, outputs: number): Float32Array {
  if (axis === 0) return Float32Array.from(values);
  const result = new Float32Array(values.length);
  for (let o = 0; o < outputs; o++)
    for (let c = 0; c < size; c++) result[c * outputs + o] = values[o * size + c] ?? 0;
  return result;
}
