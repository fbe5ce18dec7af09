/** Constants in 16 bits. */
import { DataType, type TensorRef } from '../../onnx/model.ts';
import { elementCount } from '../../onnx/index.ts';
import type { StepContext } from '../context.ts';
import { executor } from '../executor.ts';
import type { Entry } from '../graph/workspace.ts';
import { madeOnce } from '../quantize/shared.ts';
import type { CastType } from '../recipe/cast.ts';
import type { Weight } from '../weights/find.ts';
import { withOriginal } from '../weights/original.ts';
import { mapOrdered, valueChunks, type WeightSource } from '../weights/stream.ts';

/** The float32 constant that `name` means to the entry; undefined where it is none, or the caller may change it. */
export function floatConstant({ ws }: StepContext, { scope }: Entry, name: string): Weight | undefined {
  const binding = ws.resolve(scope, name);
  if (binding.kind !== 'constant' || binding.isOverridable) return undefined;
  const { tensor } = binding;
  return tensor.dataType === DataType.float ? { name, scope: binding.scope, tensor, binding } : undefined;
}

/** Adds the constant in 16 bits, once, to the graph that has it; gives its name. */
export function lowConstant(context: StepContext, entry: Entry, weight: Weight, to: CastType): string {
  const { ws } = context;
  return madeOnce(context, [to], weight, () => {
    const { binding, tensor, scope } = weight;
    const source = { model: ws.model, tensor, name: binding.name, node: entry.id };
    const made = lowTensor(source, ws.uniqueName(`${binding.name}_${to}`), to);
    ws.addInitializer(scope, made);
    return made;
  }).name;
}

const KERNELS = { float16: 'toFloat16', bfloat16: 'toBfloat16' } as const;

/** The tensor in 16 bits; its data are made when they are read. */
export function lowTensor(source: WeightSource, name: string, to: CastType): TensorRef {
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
