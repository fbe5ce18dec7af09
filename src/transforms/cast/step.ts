/** Makes a node compute in 16 bits: its weights are converted, Casts stand at the borders (see borders.ts). */
import { DataType, type TensorRef } from '../../onnx/model.ts';
import { elementCount } from '../../onnx/index.ts';
import type { Proposal, Rounding, StepContext } from '../context.ts';
import { executor } from '../executor.ts';
import type { Binding, Entry } from '../graph/workspace.ts';
import { dropFloatWeight, madeOnce } from '../quantize/shared.ts';
import type { CastType } from '../recipe/cast.ts';
import type { CastEdit } from '../recipe/recipe.ts';
import { allConstantBytes, type Blocked, type Weight } from '../weights/find.ts';
import { withOriginal } from '../weights/original.ts';
import { mapOrdered, storedBytes, valueChunks, type WeightSource } from '../weights/stream.ts';
import { bordersOf } from './borders.ts';
import { givesFloat32, opsetFor, staysFloat32 } from './low-ops.ts';
import { castPlan, type CastPlan } from './plan.ts';

export function castToLow(context: StepContext, entry: Entry, edit: CastEdit): Proposal | Blocked {
  const plan = castPlan(context, edit);
  if (!plan.converted.has(entry)) return { reason: plan.reasons.get(entry) ?? 'it is not selected' };
  const beforeBytes = allConstantBytes(context.ws, entry);
  const roundings = roundingsOf(context, entry, edit);
  return { beforeBytes, roundings, apply: () => apply(context, entry, edit, plan, beforeBytes) };
}

/** Of what it has of float32: its weights and biases. */
function roundingsOf(
  { ws }: StepContext,
  { original, scope, id }: Entry,
  { to }: CastEdit,
): Rounding[] | undefined {
  const roundings = original.inputs.flatMap((name, i): Rounding[] => {
    const binding = name === '' ? undefined : ws.resolve(scope, name);
    if (binding?.kind !== 'constant' || binding.isOverridable || staysFloat32(original.opType, i)) return [];
    const { tensor } = binding;
    const isWeight = tensor.dataType === DataType.float && tensor.dims.length > 0;
    return isWeight
      ? [{ kind: 'cast', source: { model: ws.model, tensor, name: binding.name, node: id }, to }]
      : [];
  });
  return roundings.length === 0 ? undefined : roundings;
}

function apply(
  context: StepContext,
  entry: Entry,
  { to, keepIo }: CastEdit,
  plan: CastPlan,
  beforeBytes: number,
) {
  const { ws } = context;
  const { original, scope } = entry;
  const borders = bordersOf(context);
  if (!keepIo) borders.castIo(to);
  let saved = 0;
  const inputs = original.inputs.map((name, i) => {
    if (name === '' || staysFloat32(original.opType, i)) return name;
    const binding = ws.resolve(scope, name);
    const isConstant = binding.kind === 'constant' && !binding.isOverridable;
    // an Identity of a constant is one, too, and may be in 16 bits by now
    if (!isConstant || (binding.tensor.dataType === DataType[to] && plan.isFloat32(name)))
      return plan.isFloat32(name) ? borders.taken(name, to) : name;
    if (binding.tensor.dataType !== DataType.float) return name;
    saved += storedBytes(binding.tensor) / 2;
    return lowConstant(context, entry, name, binding, to);
  });
  const outputs = original.outputs.map((name, i) =>
    plan.isFloat32(name) && !givesFloat32(original.opType, i) ? borders.given(name, to) : name,
  );
  ws.replace(entry, [{ ...original, inputs, outputs, range: undefined }]);
  ws.requireOpset(opsetFor(to, original.opType));
  return { afterBytes: beforeBytes - saved, warnings: [] };
}

function lowConstant(
  context: StepContext,
  entry: Entry,
  name: string,
  binding: Binding & { readonly kind: 'constant' },
  to: CastType,
): string {
  const { ws } = context;
  const weight: Weight = { name, scope: binding.scope, tensor: binding.tensor, binding };
  const low = madeOnce(context, [to], weight, () => {
    const source = { model: ws.model, tensor: binding.tensor, name: binding.name, node: entry.id };
    const made = lowTensor(source, ws.uniqueName(`${binding.name}_${to}`), to);
    ws.addInitializer(binding.scope, made);
    return made;
  });
  dropFloatWeight(context, entry, weight);
  return low.name;
}

const KERNELS = { float16: 'toFloat16', bfloat16: 'toBfloat16' } as const;

/** The tensor in 16 bits; its data are made when they are read. */
function lowTensor(source: WeightSource, name: string, to: CastType): TensorRef {
  const { dims } = source.tensor;
  const made: TensorRef = {
    name,
    dataType: DataType[to],
    dims,
    location: {
      kind: 'computed',
      byteLength: 2 * elementCount(dims),
      produce: (signal) => {
        const { parallel, run } = executor();
        return mapOrdered(valueChunks(source, signal), parallel, ({ values }) =>
          run(KERNELS[to], { values }),
        );
      },
    },
  };
  return withOriginal(made, source.tensor);
}
