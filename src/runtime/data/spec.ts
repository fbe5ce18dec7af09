/** Where inputs come from, as a person says it. Plain data: it crosses a process boundary and is kept with a recipe. */

import type { BatchAxes } from '../inputs.ts';

interface Layout {
  /** Where the samples lie, of inputs whose dims do not tell. */
  readonly batchAxes?: BatchAxes | undefined;
}

interface Common extends Layout {
  /** Use at most so many samples. */
  readonly limit?: number | undefined;
  /**
   * What feeds an input, where the guess is not right: the name of an array, column or field (`image`, `audio`,
   * `input_ids`, …), `random`, or `zeros`.
   */
  readonly inputs?: Readonly<Record<string, string>> | undefined;
}

export interface RandomSpec extends Layout {
  readonly kind: 'random';
  readonly seed: number;
  /** Samples in all, per batch size. */
  readonly samples: number;
}

/** `.npz` or `.npy`: arrays named as the inputs (or the only array for the only input); `labels` [n] optional. */
export interface NumpySpec extends Common {
  readonly kind: 'numpy';
  readonly path: string;
}

/** A folder with `test_data_set_*` folders, or one of these: `input_0.pb`, …, and `output_0.pb` as the answer. */
export interface OnnxTestsSpec extends Common {
  readonly kind: 'onnxTests';
  readonly path: string;
}

/** A folder of `.png`, `.jpg`, `.jpeg` and `.webp` files, or a table (Parquet, JSONL, CSV) with a column of them. */
export interface ImagesSpec extends Common {
  readonly kind: 'images';
  readonly path: string;
  /**
   * Where the labels are, if not in the names of the images' folders: a CSV, TSV or JSONL file with columns of file and
   * label, a COCO JSON file with boxes, or a folder of masks (PNG, one grey value per class) of the same names.
   */
  readonly labels?: string | undefined;
  readonly image?: ImagePreparation | undefined;
  /** How detections are read where the labels are boxes; what is left out is guessed from the first batch. */
  readonly boxes?: BoxOutputs | undefined;
}

export type BoxRole = 'boxes' | 'scores' | 'labels' | 'detections';
export type BoxFormat = 'xyxy' | 'xywh' | 'cxcywh';

/**
 * Which outputs hold the boxes that a model finds, and how. Of n images with k boxes each: `boxes` [n, k, 4] with
 * `scores` [n, k] and `labels` [n, k], or with `scores` [n, k, classes]; or all in `detections`: [n, 4 + classes, k] or
 * [n, k, 4 + 1 + classes] as YOLO gives them, [n, k, 6] of corners, score and label, or [k, 7] with the image before.
 */
export interface BoxOutputs {
  readonly outputs?: Readonly<Partial<Record<BoxRole, string>>> | undefined;
  /** Two corners; or the upper left corner or the centre, width and height. */
  readonly format?: BoxFormat | undefined;
  /** Pixels of what the model sees, or shares of its width and height. */
  readonly scale?: 'pixels' | 'normalised' | undefined;
  /** Of `detections`: a score that there is something at all stands before those of the classes. */
  readonly hasObjectness?: boolean | undefined;
  /** Whether class numbers are the ids of the labels, or count them in their order from 0. */
  readonly classes?: 'ids' | 'order' | undefined;
  /** Of two boxes of a class that overlap by more, the less sure one is dropped; false where the model does so itself. */
  readonly nms?: number | false | undefined;
}

export interface ImagePreparation {
  /**
   * How an image comes to the input's size: `crop` (default) scales the shorter side and cuts the middle, `stretch`
   * ignores the ratio, `letterbox` scales the longer side and pads with black.
   */
  readonly resize?: 'crop' | 'stretch' | 'letterbox' | undefined;
  /** Of `crop`: the share of the shorter side that is kept, e.g. 0.875 (224 of 256). Default 1. */
  readonly cropShare?: number | undefined;
  /** Order of the colours; grey where the input has one channel. Default `rgb`. */
  readonly colours?: 'rgb' | 'bgr' | undefined;
  /** Each value 0..255 times this, minus `mean`, over `std`. Default 1/255 for float inputs, 1 for integers. */
  readonly scale?: number | undefined;
  /** By channel, or one for all. Default 0. */
  readonly mean?: readonly number[] | undefined;
  /** Default 1. */
  readonly std?: readonly number[] | undefined;
}

/** `.wav` files in a folder, or one of them; cut into pieces of the input's length. Class by folder. */
export interface AudioSpec extends Common {
  readonly kind: 'audio';
  readonly path: string;
  /** Hz that the model expects; files at another rate are resampled. Default 16000. */
  readonly sampleRate?: number | undefined;
}

/** Lines of text (`.txt`), or a column of a table (CSV, TSV, JSONL, Parquet), through a `tokenizer.json`. */
export interface TextSpec extends Common {
  readonly kind: 'text';
  readonly path: string;
  /** A Hugging Face `tokenizer.json`. */
  readonly tokenizer: string;
  /** Default: `text`, `sentence`, or the first column of strings. */
  readonly column?: string | undefined;
  /** The second text of a pair. */
  readonly pairColumn?: string | undefined;
  /** Default `label` or `labels`, where there is one. */
  readonly labelColumn?: string | undefined;
}

/** Columns of numbers (CSV, TSV, JSONL, Parquet) that feed the inputs of the same names, or together the only input. */
export interface TableSpec extends Common {
  readonly kind: 'table';
  readonly path: string;
  readonly labelColumn?: string | undefined;
}

export type DataSpec = RandomSpec | NumpySpec | OnnxTestsSpec | ImagesSpec | AudioSpec | TextSpec | TableSpec;
