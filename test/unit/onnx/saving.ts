/** Models to save, with tensors that are computed. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DataType, openModel, type Model, type TensorRef } from '../../../src/onnx/index.ts';
import { encode, floats, graph, model, node, value } from '../../support/model-builder.ts';
import { inTemporaryFolder } from '../../support/onnx-files.ts';
/** A tensor made when it is saved, `byteLength` bytes announced. */
export function computed(
  name: string,
  byteLength: number,
  produce: (signal?: AbortSignal) => AsyncIterable<Uint8Array>,
): TensorRef {
  return {
    name,
    dataType: DataType.uint8,
    dims: [byteLength],
    location: { kind: 'computed', byteLength, produce },
  };
}

export async function* chunks(count: number, bytes: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield await Promise.resolve(new Uint8Array(bytes).fill(i));
}

export function withInitializer(m: Model, tensor: TensorRef): Model {
  const initializers = new Map(m.graph.initializers).set(tensor.name, tensor);
  return { ...m, graph: { ...m.graph, initializers, range: undefined }, range: undefined };
}

/** Runs `use` with a folder that holds a model, opened. */
export async function withModel(
  use: (opened: Model, file: string, folder: string) => Promise<void>,
): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, 'm.onnx');
    const nodes = [node('MatMul', ['x', 'w'], ['y'])];
    const g = graph({
      inputs: [value('x', ['n', 64])],
      nodes,
      outputs: [value('y')],
      initializers: [floats('w', [64, 64])],
    });
    await writeFile(file, await encode(model(g)));
    const opened = await openModel(file);
    try {
      await use(opened, file, folder);
    } finally {
      await opened.source.close();
    }
  });
}
