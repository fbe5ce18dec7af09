/** Recipes and edits for the tests of this room, and what its tests read out of a changed model. */
import { readTensor } from '../../../src/onnx/index.ts';
import { DataType, type Graph, type Model, type TensorRef } from '../../../src/onnx/model.ts';
import type {
  BlocksEdit,
  CastEdit,
  DynamicInt8Edit,
  Edit,
  PruneEdit,
  Recipe,
} from '../../../src/transforms/recipe/recipe.ts';

export function recipe(...edits: readonly Edit[]): Recipe {
  return { version: 1, source: { name: 'test.onnx', sizeBytes: 0 }, edits };
}

export function quantize(options: Partial<DynamicInt8Edit> = {}): DynamicInt8Edit {
  return {
    type: 'quantize',
    layers: { all: true },
    form: 'dynamic-int8',
    granularity: 'per-tensor',
    weightType: 'int8',
    reduceRange: false,
    ...options,
  };
}

export function blocks(options: Partial<BlocksEdit> = {}): BlocksEdit {
  return { type: 'quantize', layers: { all: true }, form: 'blocks', bits: 4, blockSize: 16, ...options };
}

export function prune(options: Partial<PruneEdit> = {}): PruneEdit {
  return {
    type: 'prune',
    layers: { all: true },
    method: 'magnitude',
    ratio: 0.5,
    seed: 0,
    bias: false,
    ...options,
  };
}

export function cast(options: Partial<CastEdit> = {}): CastEdit {
  return { type: 'cast', layers: { all: true }, to: 'float16', keepIo: true, ...options };
}

export function initializer(m: Model, name: string): TensorRef {
  const found = m.graph.initializers.get(name);
  if (found === undefined)
    throw new Error(`no ${name}; there are ${[...m.graph.initializers.keys()].join(', ')}`);
  return found;
}

/** The numbers of a tensor of the main graph. */
export async function numbers(m: Model, name: string): Promise<number[]> {
  return decode(m, initializer(m, name));
}

export async function decode(m: Model, ref: TensorRef): Promise<number[]> {
  const bytes = Uint8Array.from(await readTensor(m, ref));
  const { buffer } = bytes;
  switch (ref.dataType) {
    case DataType.float:
      return [...new Float32Array(buffer)];
    case DataType.int8:
      return [...new Int8Array(buffer)];
    case DataType.uint8:
      return [...bytes];
    case DataType.int64:
      return [...new BigInt64Array(buffer)].map(Number);
    default:
      return [...new Uint16Array(buffer)];
  }
}

/** `OpType(in, in) -> out` per node. */
export function listing(g: Graph): string[] {
  return g.nodes.map((n) => `${n.opType}(${n.inputs.join(', ')}) -> ${n.outputs.join(', ')}`);
}
