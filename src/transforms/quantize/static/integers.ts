/** The integer types of activations, and where ranges fall in them: as in ONNX Runtime's tools (`quant_utils.py`). */
import { DataType } from '../../../onnx/model.ts';
import type { Range } from '../../calibrate/range.ts';
import { linearParameters } from '../../kernels/linear.ts';
import type { ActivationType } from '../../recipe/static.ts';

export interface IntegerType {
  readonly dataType: number;
  readonly bytes: 1 | 2;
  /** Ends of the integer range that the values' range is mapped to. */
  readonly low: number;
  readonly high: number;
  /** The values' range is widened to ±max, the zero point is the middle of the integers. */
  readonly isSymmetric: boolean;
}

const ENDS: Readonly<Record<ActivationType, readonly [low: number, high: number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
};

/** Signed and symmetric, the lowest integer is left out, so that both sides are alike. */
export function integerType(type: ActivationType, isSymmetric: boolean): IntegerType {
  const [low, high] = ENDS[type];
  const isSigned = low < 0;
  return {
    dataType: DataType[type],
    bytes: type.endsWith('16') ? 2 : 1,
    low: isSymmetric && isSigned ? -high : low,
    high,
    isSymmetric,
  };
}

export interface ScaleAndZeroPoint {
  /** A float32. */
  readonly scale: number;
  readonly zeroPoint: number;
}

/** Values in the range, widened so that it holds 0, are spread over the integers. */
export function scaleFor({ min, max }: Range, type: IntegerType): ScaleAndZeroPoint {
  const [low, high] = [Math.fround(Math.min(0, min)), Math.fround(Math.max(0, max))];
  return linearParameters(low, high, type);
}

/** One integer, little-endian. */
export function integerBytes(value: number, { bytes }: IntegerType): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes));
  // the low bytes of a two's complement are those of the unsigned type, too
  if (bytes === 1) view.setUint8(0, value & 0xff);
  else view.setUint16(0, value & 0xffff, true);
  return new Uint8Array(view.buffer);
}
