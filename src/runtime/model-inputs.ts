/** A model's inputs as a session would declare them, read from the file. */
import { dataTypeName, type Model } from '../onnx/index.ts';
import type { TensorInfo } from './inputs.ts';
import { RunnerError } from './failure.ts';

/** Initializers that are inputs too keep their values, and are none here. */
export function modelInputs({ graph }: Model): TensorInfo[] {
  return graph.inputs
    .filter((input) => !graph.initializers.has(input.name))
    .map(({ name, type }) => {
      if (type?.kind !== 'tensor') {
        throw new RunnerError(
          'model',
          `Input "${name}" is a sequence, map or optional; only tensors can be fed here.`,
        );
      }
      const shape = (type.shape ?? []).map((dim) =>
        dim.kind === 'size' ? dim.size : dim.kind === 'symbol' ? dim.symbol : '',
      );
      return { name, type: dataTypeName(type.elemType), shape };
    });
}
