/** `--form float16` and `--form bfloat16`. */
import type { CastEdit, CastType } from '../../transforms/index.ts';
import type { Form } from './form.ts';

interface Flags {
  readonly castIo?: boolean;
  readonly keepFloat32?: string;
  readonly keepOps?: string;
}

const options = ['castIo', 'keepFloat32', 'keepOps'];

export const float16: Form = {
  options: [...options, 'float16'],
  addOptions: (command) =>
    command
      .option('--float16', 'short for --form float16')
      .option('--cast-io', 'inputs and outputs take the type, too; without it they stay float32, with Casts')
      .option('--keep-float32 <glob>', 'layers that stay float32')
      .option('--keep-ops <names>', 'operators that stay float32, e.g. Softmax,LayerNormalization'),
  edit: castEdit('float16'),
};

export const bfloat16: Form = { options, addOptions: (command) => command, edit: castEdit('bfloat16') };

function castEdit(to: CastType): Form['edit'] {
  return ({ castIo, keepFloat32, keepOps }: Flags, layers): CastEdit => ({
    type: 'cast',
    layers,
    to,
    keepIo: castIo !== true,
    ...(keepFloat32 === undefined ? {} : { keepFloat32: { glob: keepFloat32 } }),
    ...(keepOps === undefined ? {} : { keepOps: keepOps.split(',').map((op) => op.trim()) }),
  });
}
