/** `--form float16`. */
import type { CastEdit } from '../../transforms/index.ts';
import type { Form } from './form.ts';

export const float16: Form = {
  options: ['float16'],
  addOptions: (command) => command.option('--float16', 'short for --form float16'),
  edit: (_flags, layers): CastEdit => ({ type: 'cast', layers, to: 'float16', keepIo: true }),
};
