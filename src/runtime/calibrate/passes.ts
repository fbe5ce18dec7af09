/** Targets in groups, so that what one pass over the data fetches and holds stays under a limit. */
import path from 'node:path';
import { evaluateDim } from '../../analysis/dim.ts';
import { inferShapes } from '../../analysis/shapes/index.ts';
import type { InferredType } from '../../analysis/inference.ts';
import { DataType, denseByteLength, type Model } from '../../onnx/index.ts';
import { RunnerError } from '../failure.ts';
import type { TensorTargets } from './keys.ts';
import { gramShape } from './patches.ts';

/** What one pass may hold. */
export interface PassLimits {
  /** Values of one batch. The process holds several times as much: ONNX Runtime's own, copies. */
  readonly valueBytes: number;
  readonly matrixBytes: number;
}

/** What a tensor whose shape is not known is taken for: large enough that few share a pass. */
const unknownBytes = 64 * 1024 ** 2;

type Sizes = Readonly<Record<string, number>>;

/**
 * @param dims sizes of all symbols, the batch included
 * @param known types of values that are not what inference makes of the model: those lifted out of bodies
 * @throws RunnerError 'model' where a target is no tensor of numbers that the main graph makes
 */
export function planPasses(
  model: Model,
  targets: readonly TensorTargets[],
  dims: Sizes,
  limits: PassLimits,
  known: ReadonlyMap<string, InferredType> = new Map(),
): TensorTargets[][] {
  const { values: types } = inferShapes(model, { at: dims }).main;
  const passes: TensorTargets[][] = [];
  let spent = { values: Infinity, matrices: 0 };
  for (const target of targets) {
    const isConstant = model.graph.initializers.has(target.tensor);
    const type = isConstant ? undefined : (known.get(target.tensor) ?? types.get(target.tensor));
    if (type === undefined) {
      throw new RunnerError(
        'model',
        `"${target.tensor}" is no input and no node's output of ${path.basename(model.source.file.name)}, so nothing can be collected of it.`,
      );
    }
    const { values: valueBytes, matrices: matrixBytes } = bytesOf(ofOneTurn(target, known), type, dims);
    if (spent.values + valueBytes > limits.valueBytes || spent.matrices + matrixBytes > limits.matrixBytes) {
      passes.push([]);
      spent = { values: 0, matrices: 0 };
    }
    passes.at(-1)?.push(target);
    spent = { values: spent.values + valueBytes, matrices: spent.matrices + matrixBytes };
  }
  return passes;
}

/** Types of values out of bodies are those of one turn. */
function ofOneTurn(target: TensorTargets, known: ReadonlyMap<string, InferredType>): TensorTargets {
  if (!known.has(target.tensor)) return target;
  return { ...target, grams: target.grams.map((g) => (g.kind === 'patches' ? { ...g, turns: 0 } : g)) };
}

interface Bytes {
  readonly values: number;
  readonly matrices: number;
}

function bytesOf(target: TensorTargets, type: InferredType, dims: Sizes): Bytes {
  const unknown = { values: unknownBytes, matrices: 0 };
  if (type.kind !== 'tensor') return unknown;
  if (type.elemType === DataType.string) {
    throw new RunnerError('model', `"${target.tensor}" holds strings, of which nothing can be collected.`);
  }
  if ('kind' in type.shape) return unknown;
  const sizes = type.shape.map((dim) => evaluateDim(dim, dims));
  // negative where a branch does not run at these sizes
  if (!sizes.every((s): s is number => s !== undefined && s >= 0)) return unknown;
  return {
    values: denseByteLength(type.elemType, sizes) ?? unknownBytes,
    matrices: gramBytes(target, sizes),
  };
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
