/** Go to Definition, Find All References and highlights, for tensors and nodes. */
import {
  Location,
  type DefinitionProvider,
  type Position,
  type ReferenceContext,
  type ReferenceProvider,
  type TextDocument,
} from 'vscode';
import { namesIn, type Names } from './names.ts';
import type { TextView, TextViews } from './text-views.ts';

export class Navigation implements DefinitionProvider, ReferenceProvider {
  readonly #texts: TextViews;
  readonly #names = new WeakMap<TextView, Names>();

  constructor(texts: TextViews) {
    this.#texts = texts;
  }

  async provideDefinition(document: TextDocument, position: Position): Promise<Location | undefined> {
    const names = await this.#namesOf(document);
    const name = names?.at(position);
    const range = name === undefined ? undefined : names?.definitions.get(name);
    return range === undefined ? undefined : new Location(document.uri, range);
  }

  async provideReferences(
    document: TextDocument,
    position: Position,
    { includeDeclaration }: ReferenceContext,
  ): Promise<Location[]> {
    const names = await this.#namesOf(document);
    const name = names?.at(position);
    if (names === undefined || name === undefined) return [];
    const definition = includeDeclaration ? names.definitions.get(name) : undefined;
    const ranges = [...(definition === undefined ? [] : [definition]), ...(names.uses.get(name) ?? [])];
    return ranges.map((range) => new Location(document.uri, range));
  }

  async #namesOf(document: TextDocument): Promise<Names | undefined> {
    const view = await this.#texts.viewOf(document);
    if (view === undefined) return undefined;
    const names = this.#names.get(view) ?? namesIn(document, view);
    this.#names.set(view, names);
    return names;
  }
}
