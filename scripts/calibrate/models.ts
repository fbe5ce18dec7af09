/** Models that hold weights in one form each: chains of one operator, made by the product's own transforms where it has one. */
import path from 'node:path';
import type { Calibration, WeightForm } from '../../src/analysis/index.ts';
import { DataType, openModel, saveModel } from '../../src/onnx/index.ts';
import { tensorByteLength } from '../../src/onnx/datatype.ts';
import type { Model, Node, TensorRef } from '../../src/onnx/index.ts';
import { applyRecipe, USUAL, type Edit } from '../../src/transforms/index.ts';
import { floats, graph, model, node, tensor, value } from '../../test/support/model-builder.ts';

export type Family = 'matmul' | 'conv' | 'recurrent' | 'attention';

export interface Made {
  readonly family: Family;
  readonly form: WeightForm;
  readonly path: string;
  /** Of the weights, as stored. */
  readonly storedBytes: number;
  /** The same with next to no weights: what the provider takes anyway. */
  readonly emptyPath: string;
  /** Of the weights in float32. */
  readonly floatBytes: number;
}

interface Chain {
  readonly length: number;
  /** Rows and columns of each weight, or channels. */
  readonly width: number;
}

/** 128, 72, 96 and 96 MiB of float32: large beside the noise of a process's resident memory. */
const full: Readonly<Record<Family, Chain>> = {
  matmul: { length: 8, width: 2048 },
  conv: { length: 8, width: 512 },
  recurrent: { length: 3, width: 1024 },
  attention: { length: 8, width: 1024 },
};
/** A block of MatMulNBits is 32 wide. */
const emptyWidth = 32;

const forms: readonly WeightForm[] = [
  'float32',
  'float16',
  'dynamic-int8',
  'qdq-int8',
  'dequantize-int8',
  'matmulnbits-8',
  'matmulnbits-4',
];

const all = { all: true } as const;
const edits: Readonly<Partial<Record<WeightForm, Edit>>> = {
  float16: { ...USUAL.float16, layers: all },
  'dynamic-int8': { ...USUAL['dynamic-int8'], layers: all },
  'qdq-int8': { ...USUAL.static, layers: all, granularity: 'per-channel' },
  'matmulnbits-8': { ...USUAL['blocks-8'], layers: all },
  'matmulnbits-4': { ...USUAL['blocks-4'], layers: all },
};

/** Every form that the family's weights can be stored in; those that no transform makes for it are left out. */
export async function madeForms(family: Family, folder: string): Promise<Made[]> {
  const made: Made[] = [];
  const chain = full[family];
  const floatBytes = weightBytes(builders[family](chain));
  for (const form of forms) {
    const written = await write(family, form, chain, path.join(folder, `${family}-${form}.onnx`));
    if (written === undefined) continue;
    const empty = { ...chain, width: emptyWidth };
    const beside = await write(family, form, empty, path.join(folder, `${family}-${form}-empty.onnx`));
    if (beside === undefined) continue;
    made.push({ family, form, ...written, emptyPath: beside.path, floatBytes });
  }
  return made;
}

type Written = Pick<Made, 'path' | 'storedBytes'>;

async function write(
  family: Family,
  form: WeightForm,
  chain: Chain,
  target: string,
): Promise<Written | undefined> {
  if (form === 'dequantize-int8' && family === 'recurrent') return undefined;
  const float = builders[family](chain);
  const built = form === 'dequantize-int8' ? dequantized(float) : float;
  const edit = edits[form];
  await saveModel(built, target);
  return edit === undefined
    ? { path: target, storedBytes: weightBytes(built) }
    : writeChanged(target, edit, `${target}.changed`);
}

async function writeChanged(original: string, edit: Edit, target: string): Promise<Written | undefined> {
  const opened = await openModel(original);
  try {
    const source = { name: path.basename(original), sizeBytes: opened.source.file.sizeBytes };
    const applied = applyRecipe(opened, { version: 1, source, edits: [edit] }, { calibration });
    if (applied.changes.every((c) => c.status !== 'applied')) return undefined;
    await saveModel(applied.model, target);
    return { path: target, storedBytes: weightBytes(applied.model) };
  } finally {
    await opened.source.close();
  }
}

/** Activations stay in ±1, whatever the chain. */
const calibration: Calibration = {
  samples: 1,
  statistics: () => ({ count: 1, min: -1, max: 1 }),
  gram: () => Promise.resolve(undefined),
};

const builders: Readonly<Record<Family, (chain: Chain) => Model>> = {
  matmul: ({ length, width }) =>
    chained(length, [4, width], (x, y, i) => ({
      node: node('MatMul', [x, `w${i}`], [y], { name: `matmul${i}` }),
      weights: [noise(`w${i}`, [width, width])],
    })),
  conv: ({ length, width }) =>
    chained(length, [1, width, 14, 14], (x, y, i) => ({
      node: node('Conv', [x, `w${i}`], [y], { name: `conv${i}`, kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
      weights: [noise(`w${i}`, [width, width, 3, 3])],
    })),
  recurrent: ({ length, width }) =>
    chained(length, [4, 1, width], (x, y, i) => ({
      node: node('LSTM', [x, `w${i}`, `r${i}`], ['', y], { name: `lstm${i}`, hidden_size: width }),
      weights: [noise(`w${i}`, [1, 4 * width, width]), noise(`r${i}`, [1, 4 * width, width])],
    })),
  attention: ({ length, width }) =>
    chained(length, [1, 4, width], (x, y, i) => ({
      node: node('Attention', [x, `w${i}`, `b${i}`], [y], {
        domain: microsoft,
        name: `attention${i}`,
        num_heads: 16,
      }),
      weights: [noise(`w${i}`, [width, 3 * width]), noise(`b${i}`, [3 * width])],
    })),
};

const microsoft = 'com.microsoft';
const versions = { opset: 21, opsets: { [microsoft]: 1 } };

interface Link {
  readonly node: Node;
  readonly weights: readonly TensorRef[];
}

function chained(
  length: number,
  dims: readonly number[],
  link: (x: string, y: string, i: number) => Link,
): Model {
  const links = Array.from({ length }, (_, i) =>
    link(i === 0 ? 'x' : `h${i - 1}`, i === length - 1 ? 'y' : `h${i}`, i),
  );
  const initializers = links.flatMap((l) => l.weights);
  return model(
    graph({
      inputs: [value('x', dims)],
      outputs: [value('y')],
      nodes: links.map((l) => l.node),
      initializers,
    }),
    versions,
  );
}

/** Each weight in int8 with a scale for each output channel, and a DequantizeLinear that makes it float again. */
function dequantized(of: Model): Model {
  const nodes: Node[] = [];
  const initializers = new Map(of.graph.initializers);
  for (const n of of.graph.nodes) {
    const name = n.inputs[1] ?? '';
    const dims = of.graph.initializers.get(name)?.dims ?? [];
    const axis = n.opType === 'Conv' ? 0 : 1;
    const channels = dims[axis] ?? 1;
    const count = dims.reduce((product, d) => product * d, 1);
    initializers.delete(name);
    initializers.set(`${name}.q`, tensor(`${name}.q`, DataType.int8, dims, bytesOf(name, count)));
    const scales = floats(`${name}.s`, [channels], Array<number>(channels).fill(1 / count));
    initializers.set(scales.name, scales);
    nodes.push(node('DequantizeLinear', [`${name}.q`, `${name}.s`], [name], { name: `${name}.dq`, axis }));
    nodes.push(n);
  }
  const kept = { inputs: of.graph.inputs, outputs: of.graph.outputs };
  return model(graph({ ...kept, nodes, initializers: [...initializers.values()] }), versions);
}

/** Numbers that look random, others for each name: ONNX Runtime holds equal packed weights once. */
function bytesOf(name: string, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  let state = Array.from(name).reduce((hash, c) => Math.imul(hash ^ c.charCodeAt(0), 0x01000193), 0x811c9dc5);
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** So small that a chain of them does not grow. */
function noise(name: string, dims: readonly number[]): TensorRef {
  const count = dims.reduce((product, d) => product * d, 1);
  const values = Float32Array.from(bytesOf(name, count), (b) => (b - 127.5) / (64 * Math.sqrt(count)));
  return tensor(name, DataType.float, dims, new Uint8Array(values.buffer));
}

function weightBytes(of: Model): number {
  let bytes = 0;
  for (const [, t] of of.graph.initializers) bytes += tensorByteLength(t);
  return bytes;
}
