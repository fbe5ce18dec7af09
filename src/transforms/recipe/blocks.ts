import { boolean, oneOf, optional } from './checks.ts';
import type { EditCodec } from './codec.ts';
import { describeLayers, parseSelector, type LayerSelector } from './selector.ts';

/**
 * Weight-only blocks as ONNX Runtime's `MatMulNBitsQuantizer` makes them: one scale for each `blockSize` weights of an
 * output channel, or of a row of an embedding (Gather); activations stay float32.
 */
export interface BlocksEdit {
  readonly type: 'quantize';
  readonly layers: LayerSelector;
  readonly form: 'blocks';
  readonly bits: BlockBits;
  readonly blockSize: BlockSize;
  /** True: no zero points, the range is ±max|w| of each block. Default false, as in ONNX Runtime's tool. */
  readonly isSymmetric?: boolean | undefined;
  /**
   * Least precision the kernel may compute in: 1 float32, 2 float16, 3 bfloat16, 4 int8. Left out or 0: the EP's own
   * choice. On the CPU 4 is several times as fast.
   */
  readonly accuracyLevel?: AccuracyLevel | undefined;
  /**
   * What computes with the blocks. MatMulNBits (default; com.microsoft) keeps them packed; a DequantizeLinear (opset
   * 21) before the operator is standard ONNX, but expands them at run time on most EPs.
   */
  readonly operator?: BlockOperator | undefined;
  /**
   * How the integers are found. `round` (default): each weight to the nearest. `hqq`: scales and zero points of each
   * block are searched, without data (Badri & Shaji, 2023). `gptq`: each weight makes up for the errors of those
   * before it, as calibration data weigh them (Frantar et al., 2022).
   */
  readonly algorithm?: BlockAlgorithm | undefined;
}

export const BLOCK_BITS = [2, 4, 8] as const;
export type BlockBits = (typeof BLOCK_BITS)[number];

export const BLOCK_ALGORITHMS = ['round', 'hqq', 'gptq'] as const;
export type BlockAlgorithm = (typeof BLOCK_ALGORITHMS)[number];

export const BLOCK_OPERATORS = ['MatMulNBits', 'DequantizeLinear'] as const;
export type BlockOperator = (typeof BLOCK_OPERATORS)[number];

/** What MatMulNBits takes: powers of two from 16 on. */
export const BLOCK_SIZES = [16, 32, 64, 128, 256] as const;
export type BlockSize = (typeof BLOCK_SIZES)[number];

export const ACCURACY_LEVELS = [0, 1, 2, 3, 4] as const;
export type AccuracyLevel = (typeof ACCURACY_LEVELS)[number];

export const blocks: EditCodec<BlocksEdit> = {
  parse: (edit, field) => ({
    type: 'quantize',
    layers: parseSelector(edit['layers'], `${field}.layers`),
    form: 'blocks',
    bits: oneOf(edit['bits'], `${field}.bits`, BLOCK_BITS),
    blockSize: oneOf(edit['blockSize'], `${field}.blockSize`, BLOCK_SIZES),
    ...optional(edit, 'isSymmetric', field, boolean),
    ...optional(edit, 'accuracyLevel', field, (json, at) => oneOf(json, at, ACCURACY_LEVELS)),
    ...optional(edit, 'operator', field, (json, at) => oneOf(json, at, BLOCK_OPERATORS)),
    ...optional(edit, 'algorithm', field, (json, at) => oneOf(json, at, BLOCK_ALGORITHMS)),
  }),
  describe: (edit) => {
    const symmetric = edit.isSymmetric === true ? ', symmetric' : '';
    const algorithm = edit.algorithm ?? 'round';
    const found = algorithm === 'round' ? '' : ` by ${algorithm.toUpperCase()}`;
    const level = edit.accuracyLevel ?? 0;
    const by = edit.operator === 'DequantizeLinear' ? ' by DequantizeLinear' : '';
    const how = `${edit.bits}-bit blocks of ${edit.blockSize}${symmetric}${found}${by}`;
    return `${how}${level === 0 ? '' : `, accuracy level ${level}`}, of ${describeLayers(edit.layers)}`;
  },
};
