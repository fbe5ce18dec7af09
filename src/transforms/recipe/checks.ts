/** Checks of a recipe's JSON that name the field. */

/** What is wrong with a recipe, and where. */
export class RecipeError extends Error {
  /** Path of the field, e.g. `edits[0].ratio`. */
  readonly field: string;

  constructor(field: string, message: string) {
    super(`recipe: ${field === '' ? '' : `${field}: `}${message}`);
    this.name = 'RecipeError';
    this.field = field;
  }
}

export type Json = Readonly<Record<string, unknown>>;

export function strings(json: unknown, field: string): string[] {
  return array(json, field).map((text, i) => string(text, `${field}[${i}]`));
}

export function object(json: unknown, field: string): Json {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new RecipeError(field, `expected an object, got ${show(json)}`);
  }
  return json as Json;
}

export function array(json: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(json)) throw new RecipeError(field, `expected a list, got ${show(json)}`);
  return json;
}

export function string(json: unknown, field: string): string {
  if (typeof json !== 'string') throw new RecipeError(field, `expected a text, got ${show(json)}`);
  return json;
}

export function integer(json: unknown, field: string): number {
  if (!Number.isSafeInteger(json) || (json as number) < 0) {
    throw new RecipeError(field, `expected a whole number of at least 0, got ${show(json)}`);
  }
  return json as number;
}

/** A whole number of at least 1. */
export function count(json: unknown, field: string): number {
  if (!Number.isSafeInteger(json) || (json as number) < 1) {
    throw new RecipeError(field, `expected a whole number of at least 1, got ${show(json)}`);
  }
  return json as number;
}

/** A share from 0 to 1. */
export function share(json: unknown, field: string): number {
  if (typeof json !== 'number' || !(json >= 0 && json <= 1)) {
    throw new RecipeError(field, `expected a number from 0 to 1, got ${show(json)}`);
  }
  return json;
}

export function boolean(json: unknown, field: string): boolean {
  if (typeof json !== 'boolean') throw new RecipeError(field, `expected true or false, got ${show(json)}`);
  return json;
}

export function oneOf<T extends string | number | boolean>(
  json: unknown,
  field: string,
  values: readonly T[],
): T {
  const found = values.find((v) => v === json);
  if (found === undefined) {
    throw new RecipeError(field, `expected ${values.map(show).join(' or ')}, got ${show(json)}`);
  }
  return found;
}

/** Nothing where the field is left out, else `{ [name]: parse(…) }`: an optional field stays absent. */
export function optional<K extends string, T>(
  json: Json,
  name: K,
  field: string,
  parse: (value: unknown, field: string) => T,
): { readonly [P in K]?: T } {
  const value = json[name];
  return value === undefined
    ? {}
    : ({ [name]: parse(value, field === '' ? name : `${field}.${name}`) } as { readonly [P in K]?: T });
}

export function show(json: unknown): string {
  return json === undefined ? 'nothing' : JSON.stringify(json).slice(0, 60);
}
