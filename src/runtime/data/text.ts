/** Samples of text: lines or a column of a table through a Hugging Face tokenizer, padded to the input's length. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Tokenizer } from '@huggingface/tokenizers';
import { RunnerError } from '../failure.ts';
import type { InputPlan, PlannedInput } from '../inputs.ts';
import { textOf } from './numpy-file.ts';
import { openRows, type Table } from './rows.ts';
import { mapInputs, type SampleSet } from './samples.ts';
import type { HostTensor, Target } from './source.ts';
import type { TextSpec } from './spec.ts';
import { classOf } from './table.ts';

const fields = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'] as const;
type Field = (typeof fields)[number];

/** What exporters call the inputs, first match first. */
const patterns: readonly (readonly [RegExp, Field])[] = [
  [/mask/i, 'attention_mask'],
  [/token_?type|segment/i, 'token_type_ids'],
  [/position/i, 'position_ids'],
  [/ids?$|tokens?$|^input/i, 'input_ids'],
];

const textColumns = ['text', 'sentence', 'sentence1', 'content', 'question', 'prompt'];
/** A vocabulary of a million tokens is some 50 MiB of JSON. */
const maxTokenizerBytes = 256 * 1024 ** 2;

export async function textSamples(spec: TextSpec, plan: InputPlan): Promise<SampleSet> {
  const tokenizer = await loadTokenizer(spec.tokenizer);
  const table = await openRows(spec.path);
  const column = textColumn(table, spec);
  const classes = await classOf(table, spec.labelColumn, spec.path);
  const fieldOf = mapInputs(plan, fields, spec.inputs, guess);
  const ids = plan.inputs.find((i) => fieldOf.get(i.name) === 'input_ids');
  if (ids === undefined)
    throw new RunnerError('data', 'No input takes token ids. Say which one: its name = input_ids.');
  const length = ids.dims.at(-1) ?? 1;
  return {
    description: `${path.basename(spec.path)}, ${table.count} texts, ${length} tokens each`,
    count: table.count,
    // without classes, each token is the label of the one before it
    hasLabels: true,
    warnings: [],
    fieldOf,
    samples: async function* () {
      let number = 0;
      for await (const row of table.rows()) {
        const pair = spec.pairColumn === undefined ? undefined : asText(row[spec.pairColumn]);
        const tokens = encode(tokenizer, asText(row[column]), pair, length);
        yield {
          fields: tokens.fields,
          target: classes?.(row) ?? tokens.target,
          where: `${path.basename(spec.path)}, row ${++number}`,
        };
      }
    },
  };
}

function guess({ name, type }: PlannedInput): Field | undefined {
  if (type !== 'int64' && type !== 'int32') return undefined;
  return patterns.find(([pattern]) => pattern.test(name))?.[1];
}

function encode(
  tokenizer: Tokenizer,
  text: string,
  pair: string | undefined,
  length: number,
): { fields: Record<Field, HostTensor>; target: Target } {
  const encoding = tokenizer.encode(text, {
    text_pair: pair ?? null,
    return_token_type_ids: true,
  });
  const { ids } = encoding;
  // not every tokenizer gives them, whatever its types say
  const { token_type_ids: types } = encoding as { readonly token_type_ids?: readonly number[] };
  const count = Math.min(ids.length, length);
  const line = (value: (i: number) => number): HostTensor => ({
    type: 'int64',
    dims: [length],
    data: BigInt64Array.from({ length }, (_, i) => BigInt(i < count ? value(i) : 0)),
  });
  return {
    fields: {
      input_ids: line((i) => ids[i] ?? 0),
      attention_mask: line(() => 1),
      token_type_ids: line((i) => types?.[i] ?? 0),
      position_ids: line((i) => i),
    },
    target: {
      kind: 'tokens',
      next: Array.from({ length }, (_, i) => (i + 1 < count ? (ids[i + 1] ?? -1) : -1)),
    },
  };
}

function textColumn(table: Table, { column, path: file }: TextSpec): string {
  const found =
    column ??
    textColumns.find((c) => table.columns.includes(c)) ??
    table.columns.find((c) => typeof table.first?.[c] === 'string');
  if (found === undefined || (table.count > 0 && !table.columns.includes(found))) {
    throw new RunnerError(
      'data',
      `${path.basename(file)} has no column ${found === undefined ? 'of text' : `"${found}"`}; it has ${table.columns.map((c) => `"${c}"`).join(', ')}.`,
    );
  }
  return found;
}

function asText(value: unknown): string {
  return typeof value === 'string'
    ? value
    : value === undefined || value === null
      ? ''
      : JSON.stringify(value);
}

/** `tokenizer_config.json` beside it is used where there is one. */
async function loadTokenizer(file: string): Promise<Tokenizer> {
  try {
    const library = await import('@huggingface/tokenizers');
    const text = await readFile(file, 'utf8');
    if (text.length > maxTokenizerBytes) throw new Error(`it is larger than ${maxTokenizerBytes} bytes`);
    const config = await readFile(path.join(path.dirname(file), 'tokenizer_config.json'), 'utf8').catch(
      () => '{}',
    );
    return new library.Tokenizer(JSON.parse(text) as object, JSON.parse(config) as object);
  } catch (cause) {
    throw new RunnerError(
      'data',
      `${path.basename(file)} is no tokenizer that can be used: ${textOf(cause)}.`,
      { cause },
    );
  }
}
