/** What is known of each image: its class by folder or from a file, its mask, its boxes. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { RunnerError } from '../../failure.ts';
import { textOf } from '../numpy-file.ts';
import { openRows, type Row } from '../rows.ts';
import type { Box, HostTensor, Target } from '../source.ts';
import { decodeImage } from './decode.ts';
import type { Prepared } from './resize.ts';

/** The target of one image; `file` is its path below the folder of images. */
export type TargetOf = (file: string, image: Prepared) => Promise<Target | undefined>;

export interface ImageLabels {
  readonly targetOf: TargetOf;
  readonly warnings: readonly string[];
}

/** Sorted names as classes 0, 1, …; names that are whole numbers are the classes themselves. */
export function classNumbers(names: Iterable<string>): Map<string, number> {
  const sorted = [...new Set(names)].sort((a, b) => (a < b ? -1 : 1));
  const areNumbers = sorted.every((n) => /^\d+$/.test(n));
  return new Map(sorted.map((name, i) => [name, areNumbers ? Number(name) : i]));
}

/** By the first folder of each path; undefined where the images are in no folders. */
export function labelsByFolder(files: readonly string[]): ImageLabels | undefined {
  const folderOf = (file: string): string => file.split('/')[0] ?? '';
  if (files.some((f) => !f.includes('/'))) return undefined;
  const classes = classNumbers(files.map(folderOf));
  return {
    warnings: [],
    targetOf: (file) => Promise.resolve({ kind: 'class', value: classes.get(folderOf(file)) ?? -1 }),
  };
}

/** From a table, a COCO file or a folder of masks. */
export async function labelsFrom(file: string): Promise<ImageLabels> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(file)).isDirectory();
  } catch (cause) {
    throw new RunnerError('data', `The labels cannot be read: ${textOf(cause)}.`, { cause });
  }
  if (isFolder) return maskLabels(file);
  return path.extname(file).toLowerCase() === '.json' ? cocoLabels(file) : tableLabels(file);
}

const fileColumns = /^(?:file|file_?name|image|image_?id|path|id)$/i;
const labelColumns = /^(?:labels?|class(?:_?id)?|target|category)$/i;

async function tableLabels(file: string): Promise<ImageLabels> {
  const table = await openRows(file);
  const nameColumn = table.columns.find((c) => fileColumns.test(c));
  const labelColumn = table.columns.find((c) => labelColumns.test(c));
  if (nameColumn === undefined || labelColumn === undefined) {
    throw new RunnerError(
      'data',
      `${path.basename(file)} needs a column "file" and a column "label"; it has ${table.columns.map((c) => `"${c}"`).join(', ')}.`,
    );
  }
  const labels = new Map<string, string>();
  for await (const row of table.rows()) labels.set(text(row, nameColumn), text(row, labelColumn));
  const classes = classNumbers(labels.values());
  return {
    warnings: [],
    targetOf: (image) => {
      const label =
        labels.get(image) ?? labels.get(path.basename(image)) ?? labels.get(path.parse(image).name);
      if (label === undefined) {
        throw new RunnerError('data', `${path.basename(file)} has no label for ${image}.`);
      }
      return Promise.resolve({ kind: 'class', value: classes.get(label) ?? -1 });
    },
  };
}

function text(row: Row, column: string): string {
  const value = row[column];
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
    ? String(value)
    : '';
}

/** A mask's grey value is its class. Masks are moved and scaled as their images are, by the nearest pixel. */
async function maskLabels(folder: string): Promise<ImageLabels> {
  const masks = new Map<string, string>();
  for (const name of await readdir(folder, { recursive: true })) {
    if (/\.png$/i.test(name)) masks.set(path.parse(name).name, path.join(folder, name));
  }
  return {
    warnings: [],
    targetOf: async (image, prepared) => {
      const file = masks.get(path.parse(image).name);
      if (file === undefined) throw new RunnerError('data', `${folder} has no mask for ${image}.`);
      const mask = await decodeImage(await readFile(file), file);
      return { kind: 'tensor', tensor: nearest(mask, prepared) };
    },
  };
}

function nearest(
  mask: { readonly data: Uint8ClampedArray; readonly width: number; readonly height: number },
  { width, height, scaleX, scaleY, offsetX, offsetY }: Prepared,
): HostTensor {
  const data = new Int32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const fromX = Math.floor((x + 0.5 - offsetX) / scaleX);
      const fromY = Math.floor((y + 0.5 - offsetY) / scaleY);
      const isInside = fromX >= 0 && fromY >= 0 && fromX < mask.width && fromY < mask.height;
      // 255 is what datasets mark as "not to be counted"
      data[y * width + x] = isInside ? (mask.data[(fromY * mask.width + fromX) * 4] ?? 255) : 255;
    }
  }
  return { type: 'int32', dims: [height, width], data };
}

interface Coco {
  readonly images?: readonly { readonly id: number; readonly file_name: string }[];
  readonly annotations?: readonly {
    readonly image_id: number;
    readonly bbox?: readonly number[];
    readonly category_id: number;
  }[];
  readonly categories?: readonly { readonly id: number }[];
}

/** https://cocodataset.org/#format-data: `bbox` is [x, y, width, height] in pixels of the image. */
async function cocoLabels(file: string): Promise<ImageLabels> {
  let coco: Coco;
  try {
    coco = JSON.parse(await readFile(file, 'utf8')) as Coco;
  } catch (cause) {
    throw new RunnerError('data', `${path.basename(file)} is no JSON: ${textOf(cause)}.`, { cause });
  }
  if (coco.images === undefined || coco.annotations === undefined) {
    throw new RunnerError(
      'data',
      `${path.basename(file)} has no "images" and "annotations", as COCO files have.`,
    );
  }
  const byImage = new Map<number, Box[]>();
  for (const { image_id: id, bbox, category_id: label } of coco.annotations) {
    const [x = 0, y = 0, w = 0, h = 0] = bbox ?? [];
    byImage.set(id, [...(byImage.get(id) ?? []), { x0: x, y0: y, x1: x + w, y1: y + h, label }]);
  }
  const byName = new Map(coco.images.map((i) => [i.file_name, byImage.get(i.id) ?? []]));
  const ids = coco.categories ?? coco.annotations.map((a) => ({ id: a.category_id }));
  const classIds = [...new Set(ids.map((c) => c.id))].sort((a, b) => a - b);
  return {
    warnings: [],
    targetOf: (image, { scaleX, scaleY, offsetX, offsetY, width, height }) => {
      const boxes = byName.get(image) ?? byName.get(path.basename(image));
      if (boxes === undefined)
        throw new RunnerError('data', `${path.basename(file)} does not know ${image}.`);
      const moved = boxes.map((b) => ({
        label: b.label,
        x0: b.x0 * scaleX + offsetX,
        x1: b.x1 * scaleX + offsetX,
        y0: b.y0 * scaleY + offsetY,
        y1: b.y1 * scaleY + offsetY,
      }));
      return Promise.resolve({ kind: 'boxes', boxes: moved, width, height, classIds });
    },
  };
}
