/** Ranges and 8-bit quantization of a chunk by WebAssembly SIMD; see wasm/linear.wat.ts for the arithmetic. */
import { Instance } from '../wasm/instance.ts';
import { LINEAR_WAT } from '../wasm/linear.wat.ts';
import { loadValues, type Values } from './values.ts';

/** Values that one step takes: what is left of a run or row is for the caller. */
export const VECTOR_VALUES = 16;

type Names = 'rangeRun' | 'rangeRow' | 'quantizeRunS' | 'quantizeRowS' | 'quantizeRunU' | 'quantizeRowU';

let instance: Instance<Names> | undefined;

/** The module, with room in its memory for `parts` of so many bytes, and where each of them begins. */
function load(...parts: readonly number[]) {
  const wasm = (instance ??= new Instance<Names>(LINEAR_WAT));
  let end = 0;
  const at = parts.map((bytes) => {
    const begin = end;
    end += Math.ceil(bytes / 64) * 64;
    return begin;
  });
  return { ...wasm.functions, memory: wasm.reserve(end), at };
}

/** The part of [from, to) that vectors take. */
export function vectorEnd(from: number, to: number): number {
  return to - ((to - from) % VECTOR_VALUES);
}

/** Smallest and largest values of a chunk's channels; `to - from` is always a multiple of VECTOR_VALUES above 0. */
export interface RangeVectors {
  /** Adds `values[from, to)`, all of one channel. Tells whether all are finite. */
  readonly run: (from: number, to: number, channel: number) => boolean;
  /** Adds `values[from, to)`, of the channels from `channel` on, one each. */
  readonly row: (from: number, to: number, channel: number) => boolean;
  /** What was found so far. */
  readonly min: Float32Array;
  readonly max: Float32Array;
  readonly values: Float32Array;
}

/** All ranges begin with 0. They lie in the module's memory: copy them before the next call. */
export function rangeVectors(values: Values, channels: number): RangeVectors {
  const { memory, at, rangeRun, rangeRow } = load(32, 4 * channels, 4 * channels, 4 * values.length);
  const [lanesAt = 0, minAt = 0, maxAt = 0, valuesAt = 0] = at;
  const lanes = new Float32Array(memory, lanesAt, 8);
  const min = new Float32Array(memory, minAt, channels).fill(0);
  const max = new Float32Array(memory, maxAt, channels).fill(0);
  return {
    min,
    max,
    values: loadValues(values, memory, valuesAt),
    run: (from, to, channel) => {
      lanes.fill(0);
      const bad = rangeRun(valuesAt + 4 * from, valuesAt + 4 * to, lanesAt);
      min[channel] = Math.min(min[channel] as number, ...lanes.subarray(0, 4));
      max[channel] = Math.max(max[channel] as number, ...lanes.subarray(4));
      return bad === 0;
    },
    row: (from, to, channel) => {
      const places = [valuesAt + 4 * from, valuesAt + 4 * to, minAt + 4 * channel, maxAt + 4 * channel];
      return rangeRow(...places) === 0;
    },
  };
}

export interface LinearVectors {
  /** Quantizes `values[from, to)`, all of one channel. */
  readonly run: (from: number, to: number, channel: number) => void;
  /** Quantizes `values[from, to)`, of the channels from `channel` on, one each. */
  readonly row: (from: number, to: number, channel: number) => void;
  /** One byte per value, in the module's memory: copy it before the next call. */
  readonly out: Uint8Array;
  readonly values: Float32Array;
}

export function linearVectors(
  values: Values,
  scales: Float32Array,
  zeroPoints: Int32Array,
  isSigned: boolean,
): LinearVectors {
  const channels = scales.length;
  const wasm = load(4 * channels, 4 * channels, values.length, 4 * values.length);
  const { memory, at } = wasm;
  const [scalesAt = 0, zerosAt = 0, outAt = 0, valuesAt = 0] = at;
  new Float32Array(memory, scalesAt, channels).set(scales);
  new Int32Array(memory, zerosAt, channels).set(zeroPoints);
  const by =
    (quantize: (...args: readonly number[]) => number) => (from: number, to: number, channel: number) => {
      const places = [valuesAt + 4 * from, valuesAt + 4 * to, outAt + from];
      quantize(...places, scalesAt + 4 * channel, zerosAt + 4 * channel);
    };
  return {
    run: by(isSigned ? wasm.quantizeRunS : wasm.quantizeRunU),
    row: by(isSigned ? wasm.quantizeRowS : wasm.quantizeRowU),
    out: new Uint8Array(memory, outAt, values.length),
    values: loadValues(values, memory, valuesAt),
  };
}
