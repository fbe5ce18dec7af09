/** Samples from a folder of images, or from a table with a column of them. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { RunnerError } from '../../failure.ts';
import type { InputPlan } from '../../inputs.ts';
import { imageExtensions, isTableExtension } from '../extensions.ts';
import { textOf } from '../numpy-file.ts';
import { generator } from '../random.ts';
import { openRows, type Row } from '../rows.ts';
import { mapInputs, type Sample, type SampleSet } from '../samples.ts';
import type { Target } from '../source.ts';
import type { ImagesSpec } from '../spec.ts';
import { classOf } from '../table.ts';
import { decodeImage } from './decode.ts';
import { labelsByFolder, labelsFrom, type ImageLabels } from './labels.ts';
import { resized, type Prepared } from './resize.ts';
import { findImageInput, imageInput, imageTensor, type ImageInput } from './tensor.ts';

export async function imageSamples(spec: ImagesSpec, plan: InputPlan): Promise<SampleSet> {
  const guessed = findImageInput(plan.inputs);
  const fieldOf = mapInputs(plan, ['image'], spec.inputs, (i) =>
    i === guessed?.input ? 'image' : undefined,
  );
  const fed = plan.inputs.find((i) => fieldOf.has(i.name));
  const input = fed === undefined ? undefined : imageInput(fed);
  if (input === undefined) {
    throw new RunnerError('data', `Input "${fed?.name ?? ''}" takes no image of 1 or 3 channels.`);
  }
  const isTable = isTableExtension(path.extname(spec.path).toLowerCase());
  const images = isTable ? await imagesOfTable(spec) : await imagesOfFolder(spec);
  return {
    description: images.description,
    count: images.count,
    hasLabels: images.hasLabels,
    warnings: [],
    fieldOf,
    samples: async function* () {
      for await (const image of images.list()) yield sampleOf(image, input, spec);
    },
  };
}

/** One image that is not decoded yet. */
interface Encoded {
  readonly bytes: Uint8Array;
  readonly where: string;
  readonly targetOf?: ((image: Prepared) => Promise<Target | undefined>) | undefined;
}

interface ImageList {
  readonly description: string;
  readonly count: number;
  readonly hasLabels: boolean;
  list(): AsyncGenerator<Encoded>;
}

async function sampleOf(image: Encoded, input: ImageInput, spec: ImagesSpec): Promise<Sample> {
  const pixels = await decodeImage(image.bytes, image.where);
  const prepared = resized(pixels, input.width, input.height, spec.image ?? {});
  return {
    fields: { image: imageTensor(prepared, input, spec.image ?? {}) },
    target: await image.targetOf?.(prepared),
    where: image.where,
  };
}

async function imagesOfFolder({ path: folder, labels: labelFile }: ImagesSpec): Promise<ImageList> {
  const names = await readdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new RunnerError('data', `Cannot read the folder ${folder}: ${textOf(cause)}.`, { cause });
  });
  const files = names
    .filter((n) => imageExtensions.has(path.extname(n).toLowerCase()))
    .map((n) => n.split(path.sep).join('/'))
    .sort((a, b) => (a < b ? -1 : 1));
  const labels: ImageLabels | undefined =
    labelFile === undefined ? labelsByFolder(files) : await labelsFrom(labelFile);
  // by folder the first ones would all be of one class
  const order = labels === undefined ? files : shuffled(files);
  return {
    description: `${path.basename(folder)}, ${files.length} images`,
    count: files.length,
    hasLabels: labels !== undefined,
    list: async function* () {
      for (const file of order) {
        const bytes = await readFile(path.join(folder, file));
        yield {
          bytes,
          where: file,
          targetOf: (image) => labels?.targetOf(file, image) ?? Promise.resolve(undefined),
        };
      }
    },
  };
}

/** Always the same order (Fisher and Yates, seed 0). */
function shuffled(files: readonly string[]): string[] {
  const order = [...files];
  const random = generator(0, 'order', 0);
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] ?? '', order[i] ?? ''];
  }
  return order;
}

async function imagesOfTable({ path: file }: ImagesSpec): Promise<ImageList> {
  const table = await openRows(file);
  const column = table.columns.find((c) => bytesOrPath(table.first?.[c]) !== undefined);
  if (column === undefined) {
    throw new RunnerError('data', `${path.basename(file)} has no column of images.`);
  }
  const classes = await classOf(table, undefined, file);
  return {
    description: `${path.basename(file)}, ${table.count} images`,
    count: table.count,
    hasLabels: classes !== undefined,
    list: async function* () {
      let number = 0;
      for await (const row of table.rows()) {
        const where = `${path.basename(file)}, row ${++number}`;
        yield {
          bytes: await imageBytes(row, column, file, where),
          where,
          targetOf: () => Promise.resolve(classes?.(row)),
        };
      }
    },
  };
}

/** As Hugging Face data sets have it: `{ bytes, path }`; or bytes; or the path of a file beside the table. */
function bytesOrPath(value: unknown): Uint8Array | string | undefined {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string')
    return imageExtensions.has(path.extname(value).toLowerCase()) ? value : undefined;
  if (typeof value !== 'object' || value === null || !('bytes' in value)) return undefined;
  return value.bytes instanceof Uint8Array ? value.bytes : undefined;
}

async function imageBytes(row: Row, column: string, file: string, where: string): Promise<Uint8Array> {
  const found = bytesOrPath(row[column]);
  if (found === undefined) throw new RunnerError('data', `${where} has no image in column "${column}".`);
  if (typeof found !== 'string') return found;
  return readFile(path.resolve(path.dirname(file), found)).catch((cause: unknown) => {
    throw new RunnerError('data', `${where}: ${textOf(cause)}.`, { cause });
  });
}
