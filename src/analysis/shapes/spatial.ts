/**
 * The arithmetic of sliding windows, shared by convolutions and pools. Shapes are [N, C, D1, …, Dn] unless said.
 */
import { add, ceilDiv, floorDiv, min, mul, sub, unknown } from '../dim.ts';
import type { Dim } from '../types.ts';
import { ShapeError } from './rule.ts';
import type { Dims, RuleContext } from './rule.ts';

export interface WindowAttributes {
  readonly kernel: readonly Dim[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** [begin…, end…] */
  readonly pads: readonly number[];
  readonly autoPad: string;
  readonly ceil: boolean;
}

/** Reads the attributes of a window of `kernel`, with ONNX's defaults. */
export function windowAttributes(c: RuleContext, kernel: readonly Dim[]): WindowAttributes {
  const n = kernel.length;
  const attributes = {
    kernel,
    strides: c.ints('strides') ?? Array<number>(n).fill(1),
    dilations: c.ints('dilations') ?? Array<number>(n).fill(1),
    pads: c.ints('pads') ?? Array<number>(2 * n).fill(0),
    autoPad: c.text('auto_pad', 'NOTSET') || 'NOTSET',
    ceil: c.int('ceil_mode', 0) === 1,
  };
  for (const [name, list, length] of [
    ['strides', attributes.strides, n],
    ['dilations', attributes.dilations, n],
    ['pads', attributes.pads, 2 * n],
  ] as const)
    if (list.length !== length)
      throw new ShapeError(`${name} has ${list.length} values, ${length} are needed`);
  return attributes;
}

/** The extent of the window along axis `i`, dilation included. */
export function effectiveKernel(w: WindowAttributes, i: number): Dim {
  return add(mul(sub(w.kernel[i] ?? 1, 1), w.dilations[i] ?? 1), 1);
}

/** Number of window positions along each spatial axis. */
export function windowedDims(spatial: Dims, w: WindowAttributes): Dims {
  if (spatial.length !== w.kernel.length)
    throw new ShapeError(`a window of ${w.kernel.length} axes on a tensor of ${spatial.length} spatial axes`);
  return spatial.map((d, i) => windowedDim(d, w, i));
}

function windowedDim(d: Dim, w: WindowAttributes, i: number): Dim {
  const stride = w.strides[i] ?? 1;
  if (w.autoPad.startsWith('SAME')) return ceilDiv(d, stride);
  const extent = effectiveKernel(w, i);
  if (w.autoPad === 'VALID')
    return w.ceil ? add(ceilDiv(sub(d, extent), stride), 1) : add(floorDiv(sub(d, extent), stride), 1);
  const [begin, end] = [w.pads[i] ?? 0, w.pads[i + w.kernel.length] ?? 0];
  const span = sub(add(d, begin, end), extent);
  if (!w.ceil) return add(floorDiv(span, stride), 1);
  // The last window has to begin within the input or the padding before it.
  return min(add(ceilDiv(span, stride), 1), ceilDiv(add(d, begin), stride));
}

export const rankUnknown = unknown('input rank is not known');
