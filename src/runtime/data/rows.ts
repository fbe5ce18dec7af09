/**
 * Rows of a table, streamed; the libraries that read them are loaded when a table comes: CSV and TSV with a header, JSONL, Parquet, or the lines of a text file as `{ text }`.
 *
 *     const table = await openRows('reviews.jsonl');
 *     for await (const row of table.rows()) row['text'];
 */
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { RunnerError } from '../failure.ts';
import { isTableExtension, tableExtensions, type TableExtension } from './extensions.ts';
import { textOf } from './numpy-file.ts';

export type Row = Readonly<Record<string, unknown>>;

export interface Table {
  readonly count: number;
  /** Names of the first row's columns. */
  readonly columns: readonly string[];
  readonly first: Row | undefined;
  rows(): AsyncGenerator<Row>;
}

type Open = (file: string) => { count?: () => Promise<number>; rows: () => AsyncGenerator<Row> };

const readers: Readonly<Record<TableExtension, Open>> = {
  '.csv': (file) => ({ rows: () => delimited(file, ',') }),
  '.tsv': (file) => ({ rows: () => delimited(file, '\t') }),
  '.jsonl': (file) => ({ rows: () => jsonLines(file) }),
  '.ndjson': (file) => ({ rows: () => jsonLines(file) }),
  '.parquet': (file) => ({ count: () => parquetCount(file), rows: () => parquetRows(file) }),
  '.txt': (file) => ({ rows: () => textLines(file) }),
};

/** A row longer than this is no sample. */
const maxRowCharacters = 64 * 1024 ** 2;
/** Rows of a Parquet file that are decoded at a time. */
const parquetRowsAtOnce = 256;

/** RunnerError 'data' where the file is missing, damaged or of another kind; rows are counted by reading them once. */
export async function openRows(file: string): Promise<Table> {
  const extension = path.extname(file).toLowerCase();
  if (!isTableExtension(extension)) {
    throw new RunnerError(
      'data',
      `${path.basename(file)} is of a kind that is not read; use ${tableExtensions.join(', ')}.`,
    );
  }
  const reader = readers[extension](file);
  const rows = (): AsyncGenerator<Row> => named(file, reader.rows());
  let count = 0;
  let first: Row | undefined;
  for await (const row of rows()) {
    first ??= row;
    count++;
    if (reader.count !== undefined) break;
  }
  if (reader.count !== undefined) count = await reader.count();
  return { count, first, columns: Object.keys(first ?? {}), rows };
}

async function* named(file: string, rows: AsyncGenerator<Row>): AsyncGenerator<Row> {
  try {
    yield* rows;
  } catch (cause) {
    if (cause instanceof RunnerError) throw cause;
    throw new RunnerError('data', `${path.basename(file)} cannot be read: ${textOf(cause)}.`, { cause });
  }
}

async function* delimited(file: string, delimiter: string): AsyncGenerator<Row> {
  const { parse } = await import('csv-parse');
  const parser = createReadStream(file)
    // an error of the file ends the parser, which ends the loop
    .on('error', (error) => parser.destroy(error))
    .pipe(
      parse({
        columns: true,
        delimiter,
        bom: true,
        skip_empty_lines: true,
        max_record_size: maxRowCharacters,
      }),
    );
  for await (const row of parser) yield row as Row;
}

async function* jsonLines(file: string): AsyncGenerator<Row> {
  let number = 0;
  for await (const line of lines(file)) {
    number++;
    if (line.trim() === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      throw new Error(`line ${number}: ${textOf(cause)}`, { cause });
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new Error(`line ${number} is no JSON object`);
    }
    yield value as Row;
  }
}

async function* textLines(file: string): AsyncGenerator<Row> {
  for await (const text of lines(file)) if (text.trim() !== '') yield { text };
}

async function* lines(file: string): AsyncGenerator<string> {
  const stream = createReadStream(file, 'utf8');
  const reader = createInterface({ input: stream, crlfDelay: Infinity });
  // readline does not hand on errors of its input
  const failed = new Promise<never>((_, reject) => stream.once('error', reject));
  failed.catch(() => reader.close());
  const iterator = reader[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), failed]);
      if (next.done === true) {
        await Promise.race([failed, Promise.resolve()]);
        return;
      }
      yield next.value;
    }
  } finally {
    reader.close();
    stream.destroy();
  }
}

async function parquetCount(file: string): Promise<number> {
  const { asyncBufferFromFile, parquetMetadataAsync } = await import('hyparquet');
  const { num_rows: rows } = await parquetMetadataAsync(await asyncBufferFromFile(file));
  return Number(rows);
}

async function* parquetRows(file: string): AsyncGenerator<Row> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const buffer = await asyncBufferFromFile(file);
  const metadata = await parquetMetadataAsync(buffer);
  const total = Number(metadata.num_rows);
  for (let rowStart = 0; rowStart < total; rowStart += parquetRowsAtOnce) {
    const rowEnd = Math.min(total, rowStart + parquetRowsAtOnce);
    // bytes that are not said to be text are images, not text
    yield* await parquetReadObjects({ file: buffer, metadata, rowStart, rowEnd, compressors, utf8: false });
  }
}
