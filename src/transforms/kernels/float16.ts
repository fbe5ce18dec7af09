/**
 * float32 → float16: to nearest, halves to even. As ONNX Runtime's converter has it, what is finite stays finite
 * (65504 at most) and what is not 0 stays so (an epsilon must not vanish).
 */
import { FLOAT16_WAT } from '../wasm/float16.wat.ts';
import { Instance } from '../wasm/instance.ts';
import { loadValues, type Values } from './values.ts';

export interface Float16Args {
  readonly values: Values;
}

/** Values that one step takes. */
const STEP = 8;

let instance: Instance<'toFloat16'> | undefined;

/** Two bytes per value. */
export function toFloat16({ values }: Float16Args): Uint8Array {
  const wasm = (instance ??= new Instance(FLOAT16_WAT));
  const padded = Math.ceil(values.length / STEP) * STEP;
  const memory = wasm.reserve(6 * padded);
  loadValues(values, memory, 0);
  if (padded > 0) wasm.functions.toFloat16(0, 4 * padded, 4 * padded);
  return new Uint8Array(memory, 4 * padded, 2 * values.length).slice();
}
