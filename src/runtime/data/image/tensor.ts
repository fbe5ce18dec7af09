/** A prepared image as the tensor that an input takes: layout and channels by its dims, values scaled and normalised. */
import { RunnerError } from '../../failure.ts';
import type { PlannedInput } from '../../inputs.ts';
import { numberToHalf } from '../../../onnx/index.ts';
import { allocate, elementKind, isElementType } from '../dtype.ts';
import type { HostTensor } from '../source.ts';
import type { ImagePreparation } from '../spec.ts';
import type { Prepared } from './resize.ts';

export interface ImageInput {
  readonly input: PlannedInput;
  readonly layout: 'chw' | 'hwc' | 'hw';
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

const channelCounts = [1, 3];

/** Undefined where an input's dims are no image's: [C, H, W] or [H, W, C] with 1 or 3 channels, or [H, W]. */
export function imageInput(input: PlannedInput): ImageInput | undefined {
  const dims = input.dims.filter((_, axis) => axis !== input.batchAxis);
  const isFixed = input.symbols.filter((_, axis) => axis !== input.batchAxis).map((s) => s === undefined);
  const [a = 0, b = 0, c = 0] = dims;
  if (!isElementType(input.type) || elementKind(input.type) === 'bool') return undefined;
  if (dims.length === 2 && input.type.startsWith('float')) {
    return { input, layout: 'hw', channels: 1, height: a, width: b };
  }
  if (dims.length !== 3) return undefined;
  if (channelCounts.includes(a) && (isFixed[0] === true || !channelCounts.includes(c))) {
    return { input, layout: 'chw', channels: a, height: b, width: c };
  }
  return channelCounts.includes(c) ? { input, layout: 'hwc', channels: c, height: a, width: b } : undefined;
}

/** The first input that takes images; three dims beside the batch before two. */
export function findImageInput(inputs: readonly PlannedInput[]): ImageInput | undefined {
  const found = inputs.map(imageInput).filter((i) => i !== undefined);
  return found.find((i) => i.layout !== 'hw') ?? found[0];
}

/** Without the batch axis. */
export function imageTensor(
  image: Prepared,
  { input, layout, channels }: ImageInput,
  preparation: ImagePreparation,
): HostTensor {
  if (!isElementType(input.type)) throw new RunnerError('data', `Input "${input.name}" takes no image.`);
  const isFloat = elementKind(input.type) === 'float';
  const { scale = isFloat ? 1 / 255 : 1, mean = [0], std = [1], colours = 'rgb' } = preparation;
  const pixels = image.width * image.height;
  const data = allocate(input.type, pixels * channels);
  const isBig = data instanceof BigInt64Array || data instanceof BigUint64Array;
  for (let c = 0; c < channels; c++) {
    const subtract = mean[c] ?? mean[0] ?? 0;
    const divide = std[c] ?? std[0] ?? 1;
    const from = colours === 'bgr' ? 2 - c : c;
    for (let i = 0; i < pixels; i++) {
      const raw = channels === 1 ? luma(image.data, i * 3) : (image.data[i * 3 + from] ?? 0);
      const value = (raw * scale - subtract) / divide;
      const at = layout === 'hwc' ? i * channels + c : c * pixels + i;
      if (isBig) data[at] = BigInt(Math.round(value));
      else data[at] = !isFloat ? Math.round(value) : input.type === 'float16' ? numberToHalf(value) : value;
    }
  }
  const { height, width } = image;
  const dims = { chw: [channels, height, width], hwc: [height, width, channels], hw: [height, width] }[
    layout
  ];
  return { type: input.type, dims, data };
}

/** ITU-R BT.601, as Pillow's mode L. */
function luma(rgb: Float32Array, at: number): number {
  return 0.299 * (rgb[at] ?? 0) + 0.587 * (rgb[at + 1] ?? 0) + 0.114 * (rgb[at + 2] ?? 0);
}
