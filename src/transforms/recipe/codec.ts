/** How one kind of edit is read from JSON and told in words. */
import type { Json } from './checks.ts';

export interface EditCodec<E> {
  /** @throws RecipeError naming the first field that is wrong, below `field` */
  readonly parse: (json: Json, field: string) => E;
  /** In English, e.g. `8-bit blocks of 32`, for a sentence that goes on with the layers. */
  readonly describe: (edit: E) => string;
}
