/** PNG, JPEG and WebP into pixels, by the libraries of jSquash (mozjpeg, libwebp and Rust's png as WebAssembly). */
import { RunnerError } from '../../failure.ts';
import { textOf } from '../numpy-file.ts';

/** Eight bits each of red, green, blue and alpha, row by row. */
export interface Pixels {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

type Decode = (bytes: ArrayBuffer) => Promise<Pixels>;
type Format = 'png' | 'jpeg' | 'webp';

/** A photo of 100 megapixels as JPEG is under it. */
const maxFileBytes = 128 * 1024 ** 2;

/** RunnerError 'data' naming `where`. */
export async function decodeImage(bytes: Uint8Array, where: string): Promise<Pixels> {
  const format = formatOf(bytes);
  if (format === undefined) throw new RunnerError('data', `${where} is no PNG, JPEG or WebP image.`);
  if (bytes.length > maxFileBytes) {
    throw new RunnerError('data', `${where} has ${bytes.length} bytes, more than ${maxFileBytes}.`);
  }
  try {
    const decode = await decoder(format);
    // a copy: the view may be of a larger buffer
    return await decode(bytes.slice().buffer);
  } catch (cause) {
    throw new RunnerError('data', `${where} cannot be decoded as ${format}: ${textOf(cause)}.`, { cause });
  }
}

function formatOf(bytes: Uint8Array): Format | undefined {
  const starts = (at: number, ...values: readonly number[]) => values.every((v, i) => bytes[at + i] === v);
  if (starts(0, 0x89, 0x50, 0x4e, 0x47)) return 'png';
  if (starts(0, 0xff, 0xd8, 0xff)) return 'jpeg';
  // RIFF….WEBP
  if (starts(0, 0x52, 0x49, 0x46, 0x46) && starts(8, 0x57, 0x45, 0x42, 0x50)) return 'webp';
  return undefined;
}

const decoders = new Map<Format, Promise<Decode>>();

function decoder(format: Format): Promise<Decode> {
  const known = decoders.get(format);
  if (known !== undefined) return known;
  // what the libraries make of a decoded image; a browser has it
  if (!('ImageData' in globalThis)) Object.assign(globalThis, { ImageData: PlainImage });
  const loaded = loaders[format]();
  decoders.set(format, loaded);
  return loaded;
}

/** Not declared with its second argument. */
type Init = (module: never, options: object) => Promise<void>;

/** The code is given: no file is looked for, though Emscripten's loader would name one. */
const noFile = { locateFile: (name: string) => name };

/** Loaded when the first image of the format comes: each is some 150 KiB of WebAssembly. */
const loaders: Readonly<Record<Format, () => Promise<Decode>>> = {
  png: async () => {
    const [codec, wasm] = [
      await import('@jsquash/png/decode.js'),
      await import('@jsquash/png/codec/pkg/squoosh_png_bg.wasm'),
    ];
    await codec.init(await compiled(wasm));
    return (bytes) => codec.decode(bytes) as Promise<Pixels>;
  },
  jpeg: async () => {
    const [codec, wasm] = [
      await import('@jsquash/jpeg/decode.js'),
      await import('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm'),
    ];
    await (codec.init as Init)(await compiled(wasm), noFile);
    // turned upright, as training pipelines do
    return (bytes) => codec.default(bytes, { preserveOrientation: true }) as Promise<Pixels>;
  },
  webp: async () => {
    const [codec, wasm] = [
      await import('@jsquash/webp/decode.js'),
      await import('@jsquash/webp/codec/dec/webp_dec.wasm'),
    ];
    await (codec.init as Init)(await compiled(wasm), noFile);
    return (bytes) => codec.default(bytes) as Promise<Pixels>;
  },
};

/** TypeScript declares WebAssembly with the DOM only, and the bundler gives bytes where packages declare exports. */
function compiled(wasm: object): Promise<never> {
  const { WebAssembly } = globalThis as unknown as {
    WebAssembly: { compile(bytes: unknown): Promise<never> };
  };
  return WebAssembly.compile((wasm as { default: unknown }).default);
}

class PlainImage implements Pixels {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;

  constructor(data: Uint8ClampedArray, width: number, height: number) {
    this.data = data;
    this.width = width;
    this.height = height;
  }
}
