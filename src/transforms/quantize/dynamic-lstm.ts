/** LSTM → DynamicQuantizeLSTM (com.microsoft), which quantizes activations itself; W and R symmetric, as theirs. */
import { attributeInt, DataType } from '../../onnx/model.ts';
import type { Proposal, StepContext } from '../context.ts';
import { makeNode } from '../graph/nodes.ts';
import type { Entry } from '../graph/workspace.ts';
import type { DynamicInt8Edit } from '../recipe/recipe.ts';
import { constantBytes, findWeight, isBlocked, type Blocked, type Weight } from '../weights/find.ts';
import { recurrentRounding, recurrentTensors } from '../weights/recurrent-tensors.ts';
import { storedBytes, type WeightSource } from '../weights/stream.ts';
import { blocksDynamic, dropFloatWeight, madeOnce, nodeBase } from './shared.ts';

/** Of LSTM's inputs: X, W, R, B, sequence_lens, initial_h, initial_c, P. */
const INPUTS = 8;

export function dynamicLstm(context: StepContext, entry: Entry, edit: DynamicInt8Edit): Proposal | Blocked {
  const { ws } = context;
  const reason = blocksDynamic(ws, entry);
  if (reason !== undefined) return { reason };
  if (attributeInt(entry.original, 'layout', 0) !== 0) {
    return { reason: 'DynamicQuantizeLSTM takes the sequence first (layout 0)' };
  }
  const [w, r] = [matrixOf(context, entry, 1, 'W'), matrixOf(context, entry, 2, 'R')];
  if (isBlocked(w)) return w;
  if (isBlocked(r)) return r;
  const isPerChannel = edit.granularity === 'per-channel';
  const biasBytes = constantBytes(ws, entry, 3);
  return {
    beforeBytes: storedBytes(w.tensor) + storedBytes(r.tensor) + biasBytes,
    roundings: [w, r].map((weight) =>
      recurrentRounding({
        source: sourceOf(context, entry, weight),
        isPerChannel,
        weightType: edit.weightType,
        reduceRange: edit.reduceRange,
      }),
    ),
    apply: () => {
      const [W, R] = [w, r].map((weight) => quantizeMatrix(context, entry, weight, edit));
      const inputs = Array.from({ length: INPUTS }, (_, i) => entry.original.inputs[i] ?? '');
      inputs[1] = W?.quantized.name ?? '';
      inputs[2] = R?.quantized.name ?? '';
      const parameters = [W, R].flatMap((t) => [t?.scale.name ?? '', t?.zeroPoint.name ?? '']);
      const kept = [...entry.original.attributes.values()].filter((a) => a.name !== 'layout');
      const name = ws.uniqueNodeName(`${nodeBase(entry)}_quant`);
      const all = [...inputs, ...parameters];
      ws.replace(entry, [
        makeNode('DynamicQuantizeLSTM', all, entry.original.outputs, name, kept, 'com.microsoft'),
      ]);
      for (const weight of [w, r]) dropFloatWeight(context, entry, weight);
      entry.quantizedBy = { edit: context.edit, form: edit.form };
      return { afterBytes: bytesOf(w, isPerChannel) + bytesOf(r, isPerChannel) + biasBytes, warnings: [] };
    },
  };
}

function matrixOf({ ws }: StepContext, entry: Entry, index: number, label: string): Weight | Blocked {
  const weight = findWeight(ws, entry, index, label, [DataType.float]);
  if (isBlocked(weight) || weight.tensor.dims.length === 3) return weight;
  return { reason: `${label} "${weight.name}" has ${weight.tensor.dims.length} dims, not 3` };
}

function bytesOf({ tensor }: Weight, isPerChannel: boolean): number {
  const [directions = 0, rows = 0, columns = 0] = tensor.dims;
  // a scale and a zero point each
  return directions * rows * columns + 5 * directions * (isPerChannel ? rows : 1);
}

function sourceOf({ ws }: StepContext, entry: Entry, { tensor, binding }: Weight): WeightSource {
  return { model: ws.model, tensor, name: binding.name, node: entry.id };
}

function quantizeMatrix(context: StepContext, entry: Entry, weight: Weight, edit: DynamicInt8Edit) {
  const { weightType, reduceRange } = edit;
  const isPerChannel = edit.granularity === 'per-channel';
  return madeOnce(context, ['lstm', isPerChannel, weightType, reduceRange], weight, () => {
    const { ws } = context;
    const { name } = weight.binding;
    const source = sourceOf(context, entry, weight);
    const made = recurrentTensors(
      { source, isPerChannel, weightType, reduceRange },
      {
        quantized: ws.uniqueName(`${name}_quantized`),
        scale: ws.uniqueName(`${name}_scale`),
        zeroPoint: ws.uniqueName(`${name}_zero_point`),
      },
    );
    for (const tensor of Object.values(made)) ws.addInitializer(weight.scope, tensor);
    return made;
  });
}
