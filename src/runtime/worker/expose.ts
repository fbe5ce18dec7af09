/**
 * A model with some of its inner values as outputs. Weights are not loaded, and copied only where they lie in the
 * model's own file: a model with external data is handed to ONNX Runtime as a small graph in memory that refers to
 * the data where they are.
 */
import path from 'node:path';
import { cutTo, modelStream, saveModel, type Model, type Value } from '../../onnx/index.ts';
import { allTensors } from '../../onnx/read/tensors.ts';
import type { ModelFile } from './session.ts';

/** @param file where the copy goes, if one is made: a path in the scratch folder */
export async function exposed(model: Model, values: readonly string[], file: string): Promise<ModelFile> {
  const has = new Set(model.graph.outputs.map((o) => o.name));
  // without a type: ONNX Runtime infers it
  const added = values.filter((name) => !has.has(name)).map((name): Value => ({ name }));
  const graph = { ...model.graph, outputs: [...model.graph.outputs, ...added], range: undefined };
  return loadable({ ...model, graph, range: undefined }, file);
}

/** With those values for outputs, the known ones for inputs, and without what is not needed for that. */
export function cutOut(
  model: Model,
  values: readonly string[],
  file: string,
  known?: ReadonlyMap<string, number>,
): Promise<ModelFile> {
  return loadable(cutTo(model, values, known), file);
}

async function loadable(changed: Model, file: string): Promise<ModelFile> {
  const { localPath } = changed.source.file;
  if (localPath !== undefined && hasExternalData(changed)) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of modelStream(changed, { keepExternalData: true })) chunks.push(chunk);
    return { bytes: Buffer.concat(chunks), dataFolder: path.dirname(localPath) };
  }
  await saveModel(changed, file, { externalData: 'keep' });
  return file;
}

function hasExternalData(model: Model): boolean {
  for (const tensor of allTensors(model)) if (tensor.location.kind === 'external') return true;
  return false;
}
