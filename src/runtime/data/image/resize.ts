/** Images to the size a model takes: bilinear, averaged where made smaller, as Pillow and torchvision do. */
import type { ImagePreparation } from '../spec.ts';
import type { Pixels } from './decode.ts';

/** Red, green and blue as floats 0..255, row by row; with where the original lies in it. */
export interface Prepared {
  /** [height, width, 3] */
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
  /** x' = x · scaleX + offsetX, for boxes. */
  readonly scaleX: number;
  readonly scaleY: number;
  readonly offsetX: number;
  readonly offsetY: number;
}

/** `width` and `height` undefined: the image's own. Transparent parts are on black. */
export function resized(
  pixels: Pixels,
  width: number | undefined,
  height: number | undefined,
  { resize = 'crop', cropShare = 1 }: Pick<ImagePreparation, 'resize' | 'cropShare'>,
): Prepared {
  const w = width ?? pixels.width;
  const h = height ?? pixels.height;
  const [ratioX, ratioY] = [w / pixels.width, h / pixels.height];
  const uniform = resize === 'crop' ? Math.max(ratioX, ratioY) / cropShare : Math.min(ratioX, ratioY);
  const [scaleX, scaleY] = resize === 'stretch' ? [ratioX, ratioY] : [uniform, uniform];
  const offsetX = (w - pixels.width * scaleX) / 2;
  const offsetY = (h - pixels.height * scaleY) / 2;
  const columns = taps(w, pixels.width, scaleX, offsetX);
  const rows = taps(h, pixels.height, scaleY, offsetY);
  // first along rows of the image, then along columns
  const narrow = new Float32Array(pixels.height * w * 3);
  for (let y = 0; y < pixels.height; y++) {
    for (let x = 0; x < w; x++) {
      const { from, weights } = columns[x] ?? none;
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let i = 0; i < weights.length; i++) {
          const at = (y * pixels.width + from + i) * 4;
          sum += (weights[i] ?? 0) * (pixels.data[at + c] ?? 0) * ((pixels.data[at + 3] ?? 255) / 255);
        }
        narrow[(y * w + x) * 3 + c] = sum;
      }
    }
  }
  const data = new Float32Array(h * w * 3);
  for (let y = 0; y < h; y++) {
    const { from, weights } = rows[y] ?? none;
    for (let i = 0; i < w * 3; i++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++)
        sum += (weights[k] ?? 0) * (narrow[(from + k) * w * 3 + i] ?? 0);
      data[y * w * 3 + i] = sum;
    }
  }
  return { data, width: w, height: h, scaleX, scaleY, offsetX, offsetY };
}

interface Taps {
  readonly from: number;
  /** Of the pixels from `from` on; none outside of the image. */
  readonly weights: readonly number[];
}
const none: Taps = { from: 0, weights: [] };

/** For each of `size` places, which pixels of a line of `sourceSize` it is made of. */
function taps(size: number, sourceSize: number, scale: number, offset: number): Taps[] {
  // a triangle as wide as a pixel of the smaller of both
  const radius = Math.max(1, 1 / scale);
  return Array.from({ length: size }, (_, place) => {
    const centre = (place + 0.5 - offset) / scale;
    if (centre < 0 || centre > sourceSize) return none;
    const from = Math.max(0, Math.floor(centre - radius + 0.5));
    const to = Math.min(sourceSize, Math.ceil(centre + radius - 0.5));
    const weights = Array.from({ length: Math.max(0, to - from) }, (_w, i) =>
      Math.max(0, 1 - Math.abs(from + i + 0.5 - centre) / radius),
    );
    const total = weights.reduce((a, b) => a + b, 0);
    return total === 0 ? none : { from, weights: weights.map((v) => v / total) };
  });
}
