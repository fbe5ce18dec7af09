/** The kinds of edits. */
import { blocks } from './blocks.ts';
import { cast } from './cast.ts';
import { clean } from './clean.ts';
import { object, oneOf } from './checks.ts';
import type { EditCodec } from './codec.ts';
import { dynamicInt8 } from './dynamic-int8.ts';
import { prune } from './prune.ts';
import { pruneBlocks } from './prune-blocks.ts';
import { pruneChannels } from './prune-channels.ts';
import type { Edit, QuantizeEdit } from './recipe.ts';
import { staticForm } from './static.ts';

type Codecs<E, K extends keyof E> = { readonly [V in E[K] & string]: EditCodec<Extract<E, Record<K, V>>> };

const CODECS: Codecs<Exclude<Edit, QuantizeEdit>, 'type'> = {
  prune,
  'prune-channels': pruneChannels,
  'prune-blocks': pruneBlocks,
  cast,
  clean,
};

const FORM_CODECS: Codecs<QuantizeEdit, 'form'> = {
  'dynamic-int8': dynamicInt8,
  blocks,
  static: staticForm,
};

/** @throws RecipeError naming the first field that is wrong */
export function parseEdit(json: unknown, field: string): Edit {
  const edit = object(json, field);
  const type = oneOf(edit['type'], `${field}.type`, ['quantize', ...keys(CODECS)]);
  if (type !== 'quantize') return CODECS[type].parse(edit, field);
  return FORM_CODECS[oneOf(edit['form'], `${field}.form`, keys(FORM_CODECS))].parse(edit, field);
}

/** One line in English, e.g. `dynamic int8, per channel, of 3 layers`. */
export function describeEdit(edit: Edit): string {
  const { describe }: { readonly describe: (edit: never) => string } =
    edit.type === 'quantize' ? FORM_CODECS[edit.form] : CODECS[edit.type];
  // the tables pair each edit with its own codec; TypeScript cannot follow that through an index
  return describe(edit as never);
}

function keys<T extends object>(table: T): (keyof T & string)[] {
  return Object.keys(table) as (keyof T & string)[];
}
