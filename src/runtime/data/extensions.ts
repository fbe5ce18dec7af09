/** Which files are read; apart from the readers, so that asking does not load them. */

export const imageExtensions: ReadonlySet<string> = new Set(['.png', '.jpg', '.jpeg', '.webp']);

export const tableExtensions = ['.csv', '.tsv', '.jsonl', '.ndjson', '.parquet', '.txt'] as const;
export type TableExtension = (typeof tableExtensions)[number];

export function isTableExtension(extension: string): extension is TableExtension {
  return (tableExtensions as readonly string[]).includes(extension);
}
