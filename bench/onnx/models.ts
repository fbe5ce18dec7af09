/** Large models for the benchmarks. */
import { randomFillSync } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { DataType, saveModel, type Graph, type Model, type TensorRef } from '../../src/onnx/index.ts';
import { modelRope } from '../../src/onnx/write/model.ts';
import { floats, graph, model, node, value } from '../../test/support/model-builder.ts';

const MIB = 1024 * 1024;
export const TENSOR_BYTES = 16 * MIB;
const SIDE = 2048;

/** MatMuls of [2048, 2048] float32, 16 MiB each, `count` of them in a row. */
function chain(count: number, tensor: (name: string) => TensorRef): Graph {
  const names = Array.from({ length: count }, (_, i) => `/layers.${i}/weight`);
  return graph({
    inputs: [value('h-1', ['batch', SIDE])],
    nodes: names.map((name, i) =>
      node('MatMul', [`h${i - 1}`, name], [`h${i}`], { name: `/layers.${i}/MatMul` }),
    ),
    outputs: [value(`h${count - 1}`, ['batch', SIDE])],
    initializers: names.map(tensor),
  });
}

/** Its weights are holes of the file: quick to make, and no disk is measured. */
export async function makeSparse(folder: string, count: number, isExternal: boolean): Promise<string> {
  const name = `${count * 16}MiB-${isExternal ? 'external' : 'inline'}`;
  const file = path.join(folder, `${name}.onnx`);
  let offset = -TENSOR_BYTES;
  const g = chain(count, (tensor) => ({
    ...weight(tensor),
    location: isExternal
      ? { kind: 'external', path: `${name}.data`, offset: (offset += TENSOR_BYTES), length: TENSOR_BYTES }
      : { kind: 'computed', byteLength: TENSOR_BYTES, produce: noBytes },
  }));
  await mkdir(folder, { recursive: true });
  const handle = await open(file, 'w');
  let at = 0;
  for (const piece of modelRope(model(g)).pieces) {
    if (piece.kind === 'bytes') await handle.write(piece.bytes, 0, piece.length, at);
    at += piece.length;
  }
  await handle.truncate(at);
  await handle.close();
  if (isExternal) {
    const data = await open(path.join(folder, `${name}.data`), 'w');
    await data.truncate(count * TENSOR_BYTES);
    await data.close();
  }
  return file;
}

/** Its weights are random bytes on the disk. */
export async function makeDense(folder: string, count: number, isExternal: boolean): Promise<string> {
  const file = path.join(folder, `dense-${count * 16}MiB-${isExternal ? 'external' : 'inline'}.onnx`);
  await saveModel(model(chain(count, randomWeight)), file, {
    externalData: isExternal ? 'always' : 'inline',
  });
  return file;
}

/** 50,000 nodes as PyTorch's exporter names them, each value with its shape, and hardly any weights. */
export async function makeManyNodes(folder: string, count: number): Promise<string> {
  const file = path.join(folder, `${count}-nodes.onnx`);
  const nodes = Array.from({ length: count }, (_, i) => {
    const name = `/model/layers.${i >> 5}/block.${i & 31}`;
    const [input, output] = [`h${i - 1}`, `h${i}`];
    switch (i % 4) {
      case 0:
        return node('Add', [input, `bias${i}`], [output], { name: `${name}/Add` });
      case 1:
        return node('Transpose', [input], [output], { name: `${name}/Transpose`, perm: [0, 1] });
      case 2:
        return node('Clip', [input, '', ''], [output], { name: `${name}/Clip` });
      default:
        return node('LeakyRelu', [input], [output], { name: `${name}/LeakyRelu`, alpha: 0.1 });
    }
  });
  const initializers = nodes.flatMap((_, i) => (i % 4 === 0 ? [floats(`bias${i}`, [8])] : []));
  const valueInfo = nodes.flatMap((n) => n.outputs.map((name) => value(name, ['batch', 8])));
  const g = graph({
    inputs: [value('h-1', ['batch', 8])],
    nodes,
    outputs: [value(`h${count - 1}`, ['batch', 8])],
    initializers,
    valueInfo,
  });
  await saveModel(model(g), file);
  return file;
}

/** The model with one of its weights replaced by another of the same shape. */
export function withOneTensorChanged(opened: Model): Model {
  const [name] = [...opened.graph.initializers.keys()].slice(3);
  if (name === undefined) throw new Error('the model has too few initializers');
  const initializers = new Map(opened.graph.initializers).set(name, randomWeight(name));
  return { ...opened, graph: { ...opened.graph, initializers, range: undefined }, range: undefined };
}

function weight(name: string): Omit<TensorRef, 'location'> {
  return { name, dataType: DataType.float, dims: [SIDE, SIDE] };
}

function randomWeight(name: string): TensorRef {
  return { ...weight(name), location: { kind: 'computed', byteLength: TENSOR_BYTES, produce: randomBytes } };
}

async function* randomBytes(): AsyncGenerator<Uint8Array> {
  const chunk = randomFillSync(new Uint8Array(MIB));
  for (let done = 0; done < TENSOR_BYTES; done += MIB) yield await Promise.resolve(chunk);
}

function noBytes(): AsyncIterable<Uint8Array> {
  throw new Error('holes are not written');
}
