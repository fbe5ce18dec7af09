/** The recipe as JSON text: read with checks that name the field, written so that the same recipe gives the same text. */
import { array, count, integer, object, optional, RecipeError, show, string } from './checks.ts';
import { parseEdit } from './codecs.ts';
import type { CalibrationData, Recipe } from './recipe.ts';

/** @throws RecipeError naming the first field that is wrong */
export function parseRecipe(text: string): Recipe {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new RecipeError('', `is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const recipe = object(json, '');
  if (recipe['version'] !== 1)
    throw new RecipeError(
      'version',
      `expected 1, got ${show(recipe['version'])}: made by a newer VRAM Lens?`,
    );
  const source = object(recipe['source'], 'source');
  const edits = array(recipe['edits'], 'edits');
  return {
    version: 1,
    source: {
      name: string(source['name'], 'source.name'),
      sizeBytes: integer(source['sizeBytes'], 'source.sizeBytes'),
      ...optional(source, 'digest', 'source', string),
    },
    ...optional(recipe, 'calibration', '', parseCalibration),
    edits: edits.map((edit, i) => parseEdit(edit, `edits[${i}]`)),
  };
}

function parseCalibration(json: unknown, field: string): CalibrationData {
  const data = object(json, field);
  return {
    ...optional(data, 'path', field, string),
    samples: count(data['samples'], `${field}.samples`),
    batchSize: count(data['batchSize'], `${field}.batchSize`),
    ...optional(data, 'inputs', field, (value, at) => recordOf(value, at, string)),
    ...optional(data, 'batchAxes', field, (value, at) => recordOf(value, at, axisOrNone)),
  };
}

function recordOf<T>(
  json: unknown,
  field: string,
  parse: (value: unknown, field: string) => T,
): Readonly<Record<string, T>> {
  const entries = Object.entries(object(json, field));
  return Object.fromEntries(entries.map(([name, value]) => [name, parse(value, `${field}.${name}`)]));
}

function axisOrNone(json: unknown, field: string): number | null {
  if (json === null || (typeof json === 'number' && Number.isSafeInteger(json) && json >= 0)) return json;
  throw new RecipeError(field, `expected an axis, or null for none, got ${JSON.stringify(json)}`);
}

/** Two-space JSON; parsing it gives the recipe back. */
export function serializeRecipe(recipe: Recipe): string {
  return JSON.stringify(recipe, undefined, 2);
}
