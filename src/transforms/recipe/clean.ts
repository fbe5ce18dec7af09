import { array, boolean, optional, RecipeError, strings } from './checks.ts';
import type { EditCodec } from './codec.ts';

/**
 * Takes out initializers that do nothing, and float64 and local functions that need not be. It looks at the file as it is: where it stands
 * among the edits does not matter. What the caller may replace (a graph input, too), graph outputs, and sparse
 * initializers stay where they do nothing.
 */
export interface CleanEdit {
  readonly type: 'clean';
  /** Those go that nothing uses, subgraphs included. */
  readonly unused: boolean;
  /**
   * Groups of equal ones of the main graph, by name: the first of each stays, and is used in the place of the others.
   * Those go, too, that a later one of the same name hides. `findDuplicates` finds the groups; that they are equal is
   * checked when the model is written.
   */
  readonly duplicates?: readonly (readonly string[])[] | undefined;
  /**
   * What is float64 becomes float32, also what is computed: half the bytes, and fewer digits. The model's inputs and
   * outputs keep their types, with Casts.
   */
  readonly narrow?: boolean | undefined;
  /**
   * Nodes that call a local function become the nodes of its body, before anything else is done: edits then reach what
   * was inside, by ids that begin with the call's.
   */
  readonly inline?: boolean | undefined;
}

export const clean: EditCodec<CleanEdit> = {
  parse: (edit, field) => {
    const parsed: CleanEdit = {
      type: 'clean',
      unused: boolean(edit['unused'], `${field}.unused`),
      ...optional(edit, 'duplicates', field, parseGroups),
      ...optional(edit, 'narrow', field, boolean),
      ...optional(edit, 'inline', field, boolean),
    };
    const { unused, duplicates, narrow = false, inline = false } = parsed;
    if (!unused && duplicates === undefined && !narrow && !inline)
      throw new RecipeError(field, 'expected "unused": true, "duplicates", "narrow": true or "inline": true');
    return parsed;
  },
  describe: ({ unused, duplicates, narrow = false, inline = false }) => {
    const count = duplicateCount(duplicates ?? []);
    const isForHidden = duplicates !== undefined && count === 0 && !unused;
    return [
      ...(inline ? ['write out local functions'] : []),
      ...(unused ? ['remove unused initializers'] : []),
      ...(count > 0 ? [`merge ${count} duplicate initializers`] : []),
      ...(isForHidden ? ['remove initializers that others of their names hide'] : []),
      ...(narrow ? ['float64 to float32'] : []),
    ].join(', ');
  },
};

/** How many initializers go. */
export function duplicateCount(groups: readonly (readonly string[])[]): number {
  return groups.reduce((sum, group) => sum + group.length - 1, 0);
}

function parseGroups(json: unknown, field: string): string[][] {
  const groups = array(json, field).map((group, i) => strings(group, `${field}[${i}]`));
  const seen = new Set<string>();
  groups.forEach((group, i) => {
    if (group.length < 2) throw new RecipeError(`${field}[${i}]`, 'expected at least two names');
    for (const name of group) {
      if (seen.has(name)) throw new RecipeError(`${field}[${i}]`, `names "${name}" a second time`);
      seen.add(name);
    }
  });
  return groups;
}
