/** `--form blocks`. */
import {
  ACCURACY_LEVELS,
  BLOCK_ALGORITHMS,
  BLOCK_BITS,
  BLOCK_OPERATORS,
  BLOCK_SIZES,
  type AccuracyLevel,
  type BlockAlgorithm,
  type BlockBits,
  type BlockOperator,
  type BlocksEdit,
  type BlockSize,
} from '../../transforms/index.ts';
import { oneOf, type Form } from './form.ts';

interface Flags {
  readonly blocks?: BlockBits;
  readonly bits?: BlockBits;
  readonly blockSize?: BlockSize;
  readonly symmetric?: boolean;
  readonly accuracyLevel?: AccuracyLevel;
  readonly algorithm?: BlockAlgorithm;
  readonly operator?: BlockOperator;
}

const DEFAULT_BITS = 8;
const DEFAULT_SIZE = 32;

export const blocks: Form = {
  options: ['blocks', 'bits', 'blockSize', 'symmetric', 'accuracyLevel', 'algorithm', 'operator'],
  addOptions: (command) =>
    command
      .option('--blocks <bits>', 'short for --form blocks --bits', oneOf('--blocks', BLOCK_BITS))
      .option(
        '--bits <n>',
        `bits of a weight: ${BLOCK_BITS.join(', ')} (default: ${DEFAULT_BITS})`,
        oneOf('--bits', BLOCK_BITS),
      )
      .option(
        '--block-size <n>',
        `weights that share a scale: ${BLOCK_SIZES.join(', ')} (default: ${DEFAULT_SIZE})`,
        oneOf('--block-size', BLOCK_SIZES),
      )
      .option('--symmetric', 'no zero points')
      .option(
        '--accuracy-level <n>',
        'least precision to compute in: 1 float32, 2 float16, 3 bfloat16, 4 int8',
        oneOf('--accuracy-level', ACCURACY_LEVELS),
      )
      .option(
        '--algorithm <name>',
        'round; hqq searches scales; gptq lets later weights make up for earlier ones (needs --calibration)',
        oneOf('--algorithm', BLOCK_ALGORITHMS),
      )
      .option(
        '--operator <name>',
        'MatMulNBits, or DequantizeLinear of opset 21',
        oneOf('--operator', BLOCK_OPERATORS),
      ),
  edit: (flags: Flags, layers): BlocksEdit => ({
    type: 'quantize',
    layers,
    form: 'blocks',
    bits: flags.bits ?? flags.blocks ?? DEFAULT_BITS,
    blockSize: flags.blockSize ?? DEFAULT_SIZE,
    ...(flags.symmetric === true ? { isSymmetric: true } : {}),
    ...(flags.accuracyLevel === undefined ? {} : { accuracyLevel: flags.accuracyLevel }),
    ...(flags.algorithm === undefined ? {} : { algorithm: flags.algorithm }),
    ...(flags.operator === undefined ? {} : { operator: flags.operator }),
  }),
};
