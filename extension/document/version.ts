/** A file content with a recipe: how the first one is opened, and what one version says of another. */
import type { Uri } from 'vscode';
import type { Edit, Recipe } from '../../src/transforms/index.ts';
import type { Base } from './base.ts';
import { openBase } from './open-model.ts';
import type { SessionClient } from './session-client.ts';
import { fileName } from './write-model.ts';

/** Immutable: an edit makes another one, and undo goes back to the one before. */
export interface Version {
  readonly base: Base;
  readonly recipe: Recipe;
}

export type State =
  | { readonly kind: 'open'; readonly version: Version }
  /** `recipe`: what was being done to the file when it became unreadable. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly recipe?: Recipe | undefined };

/** Never throws for a file that cannot be read: the state then says why. */
export async function openState(
  uri: Uri,
  sessions: SessionClient,
  recipeFor: (base: Base) => Recipe,
): Promise<State> {
  try {
    const base = await openBase(sessions, uri);
    return { kind: 'open', version: { base, recipe: recipeFor(base) } };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

/** The version on the file as it was read last. */
export function upToDate({ base, recipe }: Version): Version {
  return { base: base.latest, recipe };
}

export function emptyRecipe(uri: Uri, { file }: Base): Recipe {
  return { version: 1, source: { name: fileName(uri), sizeBytes: file.sizeBytes }, edits: [] };
}

/** Those that were added to `written`; undefined where some were taken out. */
export function editsAfter(written: Recipe, now: Recipe): readonly Edit[] | undefined {
  const isLonger = written.edits.every((edit, i) => edit === now.edits[i]);
  return isLonger ? now.edits.slice(written.edits.length) : undefined;
}
