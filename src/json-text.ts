/**
 * A value as its JSON text, made where the time for it was: whoever only hands it on neither reads nor copies it.
 *
 *     const text = new JsonText<EstimateView>(json);   // made in a worker thread
 *     textOf({ kind: 'model', estimate: text });       // as part of another
 */
export class JsonText<T> {
  readonly json: string;
  /** Of the type alone. */
  declare readonly of?: T;

  constructor(json: string) {
    this.json = json;
  }

  parse(): T {
    return JSON.parse(this.json) as T;
  }
}

/** The same value with parts of it as text. */
export type WithTexts<T> =
  | T
  | JsonText<T>
  | (T extends readonly unknown[] ? T : T extends object ? { readonly [K in keyof T]: WithTexts<T[K]> } : T);

/** Parts that are texts already are put in as they are. */
export function textOf<T>(value: WithTexts<T>): JsonText<T> {
  return new JsonText(write(value) ?? 'null');
}

/** Undefined for what JSON leaves out. */
function write(value: unknown): string | undefined {
  if (value instanceof JsonText) return value.json;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return JSON.stringify(value);
  const fields = Object.entries(value).flatMap(([key, part]) => {
    const text = write(part);
    return text === undefined ? [] : [`${JSON.stringify(key)}:${text}`];
  });
  return `{${fields.join(',')}}`;
}
