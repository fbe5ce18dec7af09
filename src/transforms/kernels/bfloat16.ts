/**
 * float32 → bfloat16: to nearest, halves to even. As for float16, what is finite stays finite and what is not 0 stays
 * so.
 */
import { floatsOf, type Values } from './values.ts';

const [INFINITY, LARGEST, NOT_A_NUMBER] = [0x7f80, 0x7f7f, 0x7fc0];

/** Two bytes per value. */
export function toBfloat16({ values }: { readonly values: Values }): Uint8Array {
  const floats = floatsOf(values);
  const words = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  const made = new Uint16Array(floats.length);
  for (let i = 0; i < made.length; i++) {
    const word = words[i] as number;
    const [sign, bits] = [(word >>> 16) & 0x8000, word & 0x7fffffff];
    // half of the last place, and one less where the bit before is 0, so that halves go to even
    const rounded = (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
    made[i] = sign | (bits >= 0x7f800000 ? special(bits) : bounded(rounded, bits));
  }
  return new Uint8Array(made.buffer);
}

function special(bits: number): number {
  return bits === 0x7f800000 ? INFINITY : NOT_A_NUMBER;
}

function bounded(rounded: number, bits: number): number {
  return bits === 0 ? 0 : Math.min(LARGEST, Math.max(1, rounded));
}
