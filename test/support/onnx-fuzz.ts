/**
 * Mutated model files against the reader and the writer: each is either refused with an OnnxError, or opened, written
 * back byte for byte, and written anew to something that opens again. Deterministic for a seed.
 */
import assert from 'node:assert/strict';
import {
  DataType,
  denseByteLength,
  memorySource,
  modelStream,
  openModel,
  OnnxError,
  readStrings,
  readTensor,
  allTensors,
  type Model,
} from '../../src/onnx/index.ts';
import { collect, encode, floats, graph, ints, model, node, value } from './model-builder.ts';
import { everything } from './onnx-everything.ts';
import { anew } from './onnx-files.ts';
import { encodePlain } from './onnx-schema.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** Files to try. */
  readonly files: number;
  /** More models to mutate, besides the small ones built in. */
  readonly seeds?: readonly Uint8Array[];
  readonly onProgress?: (done: FuzzResult) => void;
}

export interface FuzzResult {
  files: number;
  opened: number;
  /** By kind of error. */
  readonly refused: Record<string, number>;
  slowestMs: number;
  /** Largest resident memory of the process so far. */
  peakBytes: number;
}

/** How a file that breaks a promise is reported: it can be written to disk and looked at. */
export class FuzzFailure extends Error {
  readonly file: Uint8Array;

  constructor(file: Uint8Array, cause: unknown) {
    super(`file of ${file.length} bytes: ${Buffer.from(file).toString('base64')}`, { cause });
    this.name = 'FuzzFailure';
    this.file = file;
  }
}

const PROGRESS_FILES = 5000;

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const random = generator(options.seed);
  const seeds = [...(await smallSeeds()), ...(options.seeds ?? [])];
  const result: FuzzResult = { files: 0, opened: 0, refused: {}, slowestMs: 0, peakBytes: 0 };
  while (result.files < options.files) {
    const file = mutate(seeds, random);
    const start = performance.now();
    const outcome = await tryFile(file);
    result.slowestMs = Math.max(result.slowestMs, performance.now() - start);
    result.files++;
    if (outcome === 'opened') result.opened++;
    else result.refused[outcome] = (result.refused[outcome] ?? 0) + 1;
    if (result.files % PROGRESS_FILES === 0) {
      result.peakBytes = process.resourceUsage().maxRSS * 1024;
      options.onProgress?.(result);
    }
  }
  result.peakBytes = process.resourceUsage().maxRSS * 1024;
  return result;
}

/** @throws FuzzFailure where the file is neither refused as it should be nor kept as it is */
export async function tryFile(file: Uint8Array): Promise<string> {
  try {
    const opened = await openModel(memorySource('fuzz.onnx', file), { allowMissingExternalData: true });
    try {
      await readTensors(opened);
      assert.deepEqual(await collect(modelStream(opened, { keepExternalData: true })), file);
      const again = await collect(modelStream(anew(opened), { keepExternalData: true }));
      const reopened = await openModel(memorySource('anew.onnx', again), { allowMissingExternalData: true });
      assert.equal(reopened.graph.nodes.length, opened.graph.nodes.length);
    } catch (error) {
      throw new FuzzFailure(file, error);
    }
    return 'opened';
  } catch (error) {
    if (error instanceof OnnxError) return error.kind;
    throw error instanceof FuzzFailure ? error : new FuzzFailure(file, error);
  }
}

/** Reading is refused or gives the announced number of bytes. */
async function readTensors(opened: Model): Promise<void> {
  for (const tensor of allTensors(opened)) {
    const length = denseByteLength(tensor.dataType, tensor.dims) ?? 0;
    // a shape may claim what no memory holds; the reader has a limit, and a test, of its own for that
    if (length > 1e6) continue;
    try {
      if (tensor.dataType === DataType.string) await readStrings(opened, tensor);
      else {
        const bytes = await readTensor(opened, { ...tensor, smallData: undefined });
        if (length > 0) assert.equal(bytes.length, length);
      }
    } catch (error) {
      if (!(error instanceof OnnxError)) throw error;
    }
  }
}

type Random = (below: number) => number;

/** mulberry32: 32 bits of state are enough to choose mutations by. */
function generator(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Bytes that mean something to protobuf: tags, ends and continuations of varints, lengths. */
const TELLING = [
  0, 1, 2, 3, 4, 7, 8, 10, 0x0b, 0x12, 0x1a, 0x22, 0x2a, 0x32, 0x3a, 0x42, 0x4a, 0x7f, 0x80, 0xfe, 0xff,
];

type Mutation = (file: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  (file, random) => changed(file, random, (byte) => byte ^ (1 << random(8))),
  (file, random) => changed(file, random, () => random(256)),
  (file, random) => changed(file, random, () => TELLING[random(TELLING.length)] ?? 0),
  (file, random) => changed(file, random, (byte) => byte + 1 - 2 * random(2)),
  (file, random) => file.subarray(0, random(file.length)),
  (file, random) => without(file, random(file.length), 1 + random(8)),
  (file, random) =>
    inserted(
      file,
      random(file.length),
      Uint8Array.from({ length: 1 + random(8) }, () => random(256)),
    ),
  (file, random) => inserted(file, random(file.length), new Uint8Array(1 + random(12)).fill(0xff)),
  (file, random) => inserted(file, random(file.length), piece(file, random)),
  (file, random, other) => inserted(file, random(file.length), piece(other, random)),
  (file, random, other) =>
    Buffer.concat([file.subarray(0, random(file.length)), other.subarray(random(other.length))]),
];

function mutate(seeds: readonly Uint8Array[], random: Random): Uint8Array {
  const seed = () => seeds[random(seeds.length)] ?? new Uint8Array(0);
  let file = seed();
  // mostly one: after several, hardly a file comes as far as the second message
  const count = random(3) > 0 ? 1 : 1 + random(4);
  for (let i = count; i > 0 && file.length > 0; i--) {
    file = MUTATIONS[random(MUTATIONS.length)]?.(file, random, seed()) ?? file;
  }
  return new Uint8Array(file);
}

function changed(file: Uint8Array, random: Random, change: (byte: number) => number): Uint8Array {
  const copy = Uint8Array.from(file);
  const at = random(copy.length);
  copy[at] = change(copy[at] ?? 0) & 0xff;
  return copy;
}

function without(file: Uint8Array, at: number, length: number): Uint8Array {
  return Buffer.concat([file.subarray(0, at), file.subarray(at + length)]);
}

function inserted(file: Uint8Array, at: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([file.subarray(0, at), content, file.subarray(at)]);
}

function piece(file: Uint8Array, random: Random): Uint8Array {
  const start = random(file.length);
  return file.subarray(start, start + 1 + random(40));
}

/** Small models that between them hold every field: mutations of a large one would mostly hit its weights. */
async function smallSeeds(): Promise<Uint8Array[]> {
  const branch = graph({
    nodes: [node('Add', ['h', 'k'], ['z'])],
    outputs: [value('z')],
    initializers: [floats('k', [2])],
  });
  const nested = graph({
    inputs: [value('x', ['n', 2]), value('c', [], DataType.bool)],
    nodes: [
      node('Gemm', ['x', 'w', 'b'], ['h'], { name: 'fc', transB: 1 }),
      node('If', ['c'], ['y'], { then_branch: branch, else_branch: branch }),
      node('Reshape', ['y', 'shape'], ['out'], { allowzero: 0 }),
    ],
    outputs: [value('out', [null, 2])],
    initializers: [floats('w', [2, 2]), floats('b', [2]), ints('shape', [-1, 2])],
  });
  const external = encodePlain({
    ir_version: 8,
    opset_import: [{ version: 17 }],
    graph: {
      initializer: [
        {
          name: 'e',
          data_type: 1,
          dims: [4],
          data_location: 1,
          external_data: [
            { key: 'location', value: 'w.bin' },
            { key: 'offset', value: '4096' },
            { key: 'length', value: '16' },
          ],
        },
        { name: 'i', data_type: 3, dims: [3], int32_data: [1, -1, 127] },
        { name: 'd', data_type: 11, dims: [2], double_data: [1, 2] },
        { name: 'u', data_type: 13, dims: [1], uint64_data: ['18446744073709551615'] },
      ],
    },
  });
  return [everything, await encode(model(nested)), external];
}
