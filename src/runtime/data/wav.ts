/**
 * RIFF WAVE: 8 to 32 bit PCM and 32 or 64 bit floats, any number of channels, streamed as mono numbers in −1..1.
 * Format: https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html
 */
import { createReadStream } from 'node:fs';
import { RunnerError } from '../failure.ts';
import { ByteReader } from './byte-reader.ts';
import { textOf } from './numpy-file.ts';

export interface WavInfo {
  readonly sampleRate: number;
  readonly channels: number;
  readonly bits: number;
  readonly isFloat: boolean;
  readonly dataBytes: number;
  /** Of one channel. */
  readonly frames: number;
}

/** Longest format chunk that is read. */
const maxFormatBytes = 1024;
const framesAtOnce = 16 * 1024;
/** Format tags. */
const pcm = 1;
const ieeeFloat = 3;
const extensible = 0xfffe;

type Read = (view: DataView, at: number) => number;

const readers: Readonly<Record<string, Read>> = {
  '8': (v, at) => (v.getUint8(at) - 128) / 128,
  '16': (v, at) => v.getInt16(at, true) / 2 ** 15,
  '24': (v, at) => ((v.getUint16(at, true) | (v.getInt8(at + 2) << 16)) >> 0) / 2 ** 23,
  '32': (v, at) => v.getInt32(at, true) / 2 ** 31,
  f32: (v, at) => v.getFloat32(at, true),
  f64: (v, at) => v.getFloat64(at, true),
};

/** RunnerError 'data' where the file is no WAVE, cut short, or compressed. */
export async function wavInfo(file: string): Promise<WavInfo> {
  const reader = new ByteReader(createReadStream(file));
  try {
    return await readHeader(reader, file);
  } finally {
    await reader.close();
  }
}

/** The channels' mean, in pieces. */
export async function* wavSamples(file: string): AsyncGenerator<Float32Array> {
  const reader = new ByteReader(createReadStream(file));
  try {
    const { channels, bits, isFloat, dataBytes } = await readHeader(reader, file);
    const read = readers[isFloat ? `f${bits}` : String(bits)];
    if (read === undefined) throw damaged(file, `${bits} bits a sample cannot be read`);
    const width = bits / 8;
    const frameBytes = width * channels;
    for (let left = Math.floor(dataBytes / frameBytes); left > 0; left -= framesAtOnce) {
      const frames = Math.min(left, framesAtOnce);
      const bytes = await reader.read(frames * frameBytes);
      if (bytes.length < frames * frameBytes) throw damaged(file, 'it ends before its data do');
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const mono = new Float32Array(frames);
      for (let i = 0; i < frames; i++) {
        let sum = 0;
        for (let c = 0; c < channels; c++) sum += read(view, i * frameBytes + c * width);
        mono[i] = sum / channels;
      }
      yield mono;
    }
  } finally {
    await reader.close();
  }
}

/** Leaves the reader at the first sample. */
async function readHeader(reader: ByteReader, file: string): Promise<WavInfo> {
  try {
    const riff = Buffer.from(await reader.read(12)).toString('latin1');
    if (!riff.startsWith('RIFF') || riff.slice(8) !== 'WAVE') throw damaged(file, 'it is no RIFF WAVE file');
    let format: Omit<WavInfo, 'dataBytes' | 'frames'> | undefined;
    for (;;) {
      const head = await reader.read(8);
      if (head.length < 8) throw damaged(file, 'it has no data');
      const id = Buffer.from(head.subarray(0, 4)).toString('latin1');
      const length = new DataView(head.buffer, head.byteOffset).getUint32(4, true);
      if (id === 'data') {
        if (format === undefined) throw damaged(file, 'its data come before its format');
        return {
          ...format,
          dataBytes: length,
          frames: Math.floor(length / ((format.bits / 8) * format.channels)),
        };
      }
      const isFormat = id === 'fmt ';
      if (isFormat && length > maxFormatBytes) throw damaged(file, `its format takes ${length} bytes`);
      // chunks are padded to even lengths
      const body = isFormat
        ? await reader.read(length + (length % 2))
        : await skip(reader, length + (length % 2));
      if (isFormat) format = parseFormat(body, file);
    }
  } catch (cause) {
    throw cause instanceof RunnerError ? cause : damaged(file, textOf(cause));
  }
}

async function skip(reader: ByteReader, length: number): Promise<Uint8Array> {
  const piece = 64 * 1024;
  for (let left = length; left > 0; left -= piece) {
    const wanted = Math.min(left, piece);
    if ((await reader.read(wanted)).length < wanted) break;
  }
  return new Uint8Array();
}

function parseFormat(body: Uint8Array, file: string): Omit<WavInfo, 'dataBytes' | 'frames'> {
  if (body.length < 16) throw damaged(file, 'its format is cut short');
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const tag = view.getUint16(0, true);
  // the real tag is the start of a GUID
  const kind = tag === extensible && body.length >= 26 ? view.getUint16(24, true) : tag;
  const channels = view.getUint16(2, true);
  const sampleRate = view.getUint32(4, true);
  const bits = view.getUint16(14, true);
  if (kind !== pcm && kind !== ieeeFloat) throw damaged(file, `format ${kind} is compressed; save it as PCM`);
  if (channels === 0 || sampleRate === 0) throw damaged(file, 'it has no channel or no sample rate');
  const isFloat = kind === ieeeFloat;
  if (readers[isFloat ? `f${bits}` : String(bits)] === undefined) {
    throw damaged(file, `${bits} bits a sample cannot be read`);
  }
  return { sampleRate, channels, bits, isFloat };
}

function damaged(file: string, why: string): RunnerError {
  return new RunnerError('data', `${file}: ${why}.`);
}
