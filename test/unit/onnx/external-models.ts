/** Models whose weights lie in a file beside them. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  DataType,
  modelStream,
  openModel,
  OnnxError,
  readTensor,
  type Model,
  type TensorRef,
} from '../../../src/onnx/index.ts';
import { collect, graph, ints, model, node, value } from '../../support/model-builder.ts';
export const DATA = Uint8Array.from({ length: 8192 + 64 }, (_, i) => i % 251);

/** A model whose weight `w`, [1024] of float32, lies at `location`; written to `file`. */
export async function writeModel(
  file: string,
  location: string,
  offset = 4096,
  length = 4096,
): Promise<void> {
  const w: TensorRef = {
    name: 'w',
    dataType: DataType.float,
    dims: [1024],
    location: { kind: 'external', path: location, offset, length },
  };
  const axes = {
    ...ints('axes', [0]),
    location: { kind: 'external', path: location, offset: 8192, length: 8 },
  } as const;
  const nodes = [node('Add', ['x', 'w'], ['s']), node('ReduceSum', ['s', 'axes'], ['y'])];
  const g = graph({ inputs: [value('x', [1024])], nodes, outputs: [value('y')], initializers: [w, axes] });
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, await encodeAsIs(model(g, { opset: 17 })));
}

export function encodeAsIs(m: Model): Promise<Uint8Array> {
  return collect(modelStream(m, { keepExternalData: true }));
}

export function weight(m: Model, name = 'w'): TensorRef {
  const found = m.graph.initializers.get(name);
  assert.ok(found !== undefined);
  return found;
}

export async function sameWeights(file: string, other: string): Promise<void> {
  const models = await Promise.all([openModel(file), openModel(other)]);
  const [first, second] = await Promise.all(
    models.map((m) => Promise.all(['a', 'b', 'small'].map((name) => readTensor(m, weight(m, name))))),
  );
  assert.deepEqual(first, second);
  await Promise.all(models.map((m) => m.source.close()));
}

export async function failure(action: Promise<unknown>): Promise<OnnxError> {
  const error: unknown = await action.then(
    () => new Error('it was accepted'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof OnnxError, String(error));
  return error;
}
