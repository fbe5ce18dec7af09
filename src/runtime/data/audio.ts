/** Samples from `.wav` files: mono, at the model's rate, in pieces of the input's length. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { RunnerError } from '../failure.ts';
import type { InputPlan, PlannedInput } from '../inputs.ts';
import { labelsByFolder } from './image/labels.ts';
import { textOf } from './numpy-file.ts';
import { mapInputs, type Sample, type SampleSet } from './samples.ts';
import type { AudioSpec } from './spec.ts';
import { wavInfo, wavSamples } from './wav.ts';

const defaultRate = 16_000;

interface AudioFile {
  /** Below the folder. */
  readonly name: string;
  readonly path: string;
  readonly rate: number;
  readonly pieces: number;
}

export async function audioSamples(spec: AudioSpec, plan: InputPlan): Promise<SampleSet> {
  const rate = spec.sampleRate ?? defaultRate;
  const fieldOf = mapInputs(plan, ['audio'], spec.inputs, (input) =>
    input === plan.inputs.find(isWave) ? 'audio' : undefined,
  );
  const input = plan.inputs.find((i) => fieldOf.has(i.name));
  const dims = input?.dims.filter((_, axis) => axis !== input.batchAxis) ?? [];
  const length = dims.at(-1) ?? 1;
  const files = await wavFiles(spec.path, length, rate);
  const labels = labelsByFolder(files.map((f) => f.name));
  const count = files.reduce((sum, f) => sum + f.pieces, 0);
  return {
    description: `${path.basename(spec.path)}, ${files.length} wav files, ${count} pieces of ${length} samples`,
    count,
    hasLabels: labels !== undefined,
    warnings: files
      .filter((f) => f.rate !== rate)
      .slice(0, 1)
      .map((f) => `${f.name} has ${f.rate} Hz; it was resampled to ${rate} Hz.`),
    fieldOf,
    samples: async function* (): AsyncGenerator<Sample> {
      for (const file of files) {
        let piece = 0;
        for await (const data of pieces(resampled(wavSamples(file.path), rate / file.rate), length)) {
          if (piece === file.pieces) break;
          // no image: classes by folder do not look at it
          const value = await labels?.targetOf(file.name, noImage);
          yield {
            fields: { audio: { type: 'float32', dims, data } },
            target: value,
            where: `${file.name}, piece ${++piece}`,
          };
        }
      }
    },
  };
}

const noImage = {
  data: new Float32Array(),
  width: 0,
  height: 0,
  scaleX: 1,
  scaleY: 1,
  offsetX: 0,
  offsetY: 0,
};

/** Floats whose only dim beside the batch that is not 1 is their last. */
function isWave(input: PlannedInput): boolean {
  const dims = input.dims.filter((_, axis) => axis !== input.batchAxis);
  return input.type.startsWith('float') && dims.length > 0 && dims.slice(0, -1).every((d) => d === 1);
}

async function wavFiles(from: string, length: number, rate: number): Promise<AudioFile[]> {
  let names: string[];
  try {
    names = (await stat(from)).isDirectory() ? await readdir(from, { recursive: true }) : [''];
  } catch (cause) {
    throw new RunnerError('data', `Cannot read ${from}: ${textOf(cause)}.`, { cause });
  }
  const wavs = names.filter((n) => /\.wav$/i.test(path.join(from, n))).sort((a, b) => (a < b ? -1 : 1));
  const files: AudioFile[] = [];
  for (const name of wavs) {
    const file = path.join(from, name);
    const info = await wavInfo(file);
    const resampledFrames = Math.floor((info.frames * rate) / info.sampleRate);
    files.push({
      name: name === '' ? path.basename(from) : name.split(path.sep).join('/'),
      path: file,
      rate: info.sampleRate,
      pieces: Math.ceil(resampledFrames / length),
    });
  }
  return files;
}

/** By straight lines between samples: enough for a check, though it lets some of what is above half the rate through. */
async function* resampled(parts: AsyncIterable<Float32Array>, ratio: number): AsyncGenerator<Float32Array> {
  if (ratio === 1) {
    yield* parts;
    return;
  }
  let before = 0;
  /** Index of the part's first sample in the file, and of the next one to give. */
  let start = 0;
  let next = 0;
  for await (const part of parts) {
    const out: number[] = [];
    for (let at = next / ratio; at <= start + part.length - 1; at = ++next / ratio) {
      const low = Math.floor(at) - start;
      const a = low < 0 ? before : (part[low] ?? 0);
      const b = part[low + 1] ?? a;
      out.push(a + (b - a) * (at - Math.floor(at)));
    }
    start += part.length;
    before = part.at(-1) ?? before;
    yield Float32Array.from(out);
  }
}

/** Of `length` each; the last one is filled up with silence. */
async function* pieces(
  parts: AsyncIterable<Float32Array>,
  length: number,
): AsyncGenerator<Float32Array<ArrayBuffer>> {
  let piece = new Float32Array(length);
  let filled = 0;
  for await (const part of parts) {
    for (let from = 0; from < part.length;) {
      const taken = part.subarray(from, from + length - filled);
      piece.set(taken, filled);
      filled += taken.length;
      from += taken.length;
      if (filled < length) continue;
      yield piece;
      piece = new Float32Array(length);
      filled = 0;
    }
  }
  if (filled > 0) yield piece;
}
