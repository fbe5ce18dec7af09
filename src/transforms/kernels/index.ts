/** The loops over weights, by name: what a worker thread runs, and what runs here where there is none. */
import { toBfloat16 } from './bfloat16.ts';
import { quantizeBlockRows } from './block-rows.ts';
import { quantizeBlocks } from './blocks.ts';
import { elimination } from './elimination.ts';
import { toFloat16 } from './float16.ts';
import { leastShift } from './least-shift.ts';
import { leastSquares } from './least-squares.ts';
import { quantizeLinear } from './linear.ts';
import { gptqFactor } from './gptq-factor.ts';
import { gptqBlocks } from './gptq.ts';
import { histogram, moments } from './histogram.ts';
import { gridNoise, weightNoise } from './noise.ts';
import { range } from './range.ts';
import { keyHistogram, zeroSelected } from './select.ts';
import { sparseGpt } from './sparse-gpt.ts';

export const kernels = {
  range,
  quantizeLinear,
  quantizeBlocks,
  quantizeBlockRows,
  gptqFactor,
  gptqBlocks,
  weightNoise,
  gridNoise,
  moments,
  histogram,
  toFloat16,
  toBfloat16,
  keyHistogram,
  zeroSelected,
  leastShift,
  leastSquares,
  elimination,
  sparseGpt,
} as const;

export type KernelName = keyof typeof kernels;
export type KernelArgs<K extends KernelName> = Parameters<(typeof kernels)[K]>[0];
export type KernelResult<K extends KernelName> = ReturnType<(typeof kernels)[K]>;
