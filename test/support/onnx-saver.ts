/**
 * A process to be killed: saves a model over and over again, with the weights of one of two versions, until somebody
 * puts an end to it. `node --import=tsx test/support/onnx-saver.ts SOURCE TARGET`; prints a line when it begins.
 */
import { DataType, openModel, saveModel, type Model, type TensorRef } from '../../src/onnx/index.ts';

/** Large enough that most of the time a save is under way. */
export const SAVED_BYTES = 8 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** Initializer `c` of the version: all its bytes are the version's number. */
export function versionOf(model: Model, version: number): Model {
  const c: TensorRef = {
    name: 'c',
    dataType: DataType.uint8,
    dims: [SAVED_BYTES],
    location: { kind: 'computed', byteLength: SAVED_BYTES, produce: () => chunks(version) },
  };
  const initializers = new Map(model.graph.initializers).set('c', c);
  return { ...model, graph: { ...model.graph, initializers, range: undefined }, range: undefined };
}

async function* chunks(version: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < SAVED_BYTES / CHUNK_BYTES; i++)
    yield await Promise.resolve(new Uint8Array(CHUNK_BYTES).fill(version));
}

const [, script = '', source, target] = process.argv;
if (script.endsWith('onnx-saver.ts') && source !== undefined && target !== undefined) {
  const model = await openModel(source);
  process.stdout.write('saving\n');
  for (let version = 1; ; version = 3 - version) await saveModel(versionOf(model, version), target);
}
