/** Targets in groups, so that what one pass over the data fetches and holds stays under a limit. */
import path from 'node:path';
import { evaluateDim } from '../../analysis/dim.ts';
import { inferShapes } from '../../analysis/shapes/index.ts';
import type { InferredType } from '../../analysis/inference.ts';
import { DataType, denseByteLength, type Model } from '../../onnx/index.ts';
import { RunnerError } from '../failure.ts';
import type { TensorTargets } from './keys.ts';
import { gramShape } from './patches.ts';

/** Outputs of one batch, and matrices, of one pass. The process holds several times as much: ONNX Runtime's own, copies. */
export const maxPassBytes = 256 * 1024 ** 2;

/** What a tensor whose shape is not known is taken for: large enough that few share a pass. */
const unknownBytes = 64 * 1024 ** 2;

type Sizes = Readonly<Record<string, number>>;

/**
 * @param dims sizes of all symbols, the batch included
 * @throws RunnerError 'model' where a target is no tensor of numbers that the main graph makes
 */
export function planPasses(
  model: Model,
  targets: readonly TensorTargets[],
  dims: Sizes,
  limitBytes = maxPassBytes,
): TensorTargets[][] {
  const { values } = inferShapes(model, { at: dims }).main;
  const passes: TensorTargets[][] = [];
  let spent = Infinity;
  for (const target of targets) {
    const type = model.graph.initializers.has(target.tensor) ? undefined : values.get(target.tensor);
    if (type === undefined) {
      throw new RunnerError(
        'model',
        `"${target.tensor}" is no input and no node's output of ${path.basename(model.source.file.name)}, so nothing can be collected of it.`,
      );
    }
    const bytes = bytesOf(target, type, dims);
    if (spent + bytes > limitBytes) {
      passes.push([]);
      spent = 0;
    }
    passes.at(-1)?.push(target);
    spent += bytes;
  }
  return passes;
}

function bytesOf(target: TensorTargets, type: InferredType, dims: Sizes): number {
  if (type.kind !== 'tensor') return unknownBytes;
  if (type.elemType === DataType.string) {
    throw new RunnerError('model', `"${target.tensor}" holds strings, of which nothing can be collected.`);
  }
  if ('kind' in type.shape) return unknownBytes;
  const sizes = type.shape.map((dim) => evaluateDim(dim, dims));
  if (!sizes.every((s) => s !== undefined)) return unknownBytes;
  return (denseByteLength(type.elemType, sizes) ?? unknownBytes) + gramBytes(target, sizes);
}

/** The sums and, while one part is added, as much again. */
function gramBytes({ tensor, grams }: TensorTargets, dims: readonly number[]): number {
  return grams.reduce((sum, target) => {
    try {
      const { groups, size } = gramShape(dims, target);
      return sum + 2 * groups * size ** 2 * Float32Array.BYTES_PER_ELEMENT;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new RunnerError('model', `"${tensor}": ${why}.`, { cause });
    }
  }, 0);
}
