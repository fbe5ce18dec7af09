/** Where names stand in a text: what defines one, and where it is used. */
import { Range, type Position, type TextDocument } from 'vscode';
import type { TextView } from './text-views.ts';

/** A name as it stands in the text, or the arrow that means "what the line above gives". */
const token = /"(?:[^"\\]|\\.)*"|[^\s(),=[\]→]+/g;
const above = '↑';

export interface Names {
  /** By name, as written: the place that defines it. */
  readonly definitions: ReadonlyMap<string, Range>;
  /** By name: every place that uses it. */
  readonly uses: ReadonlyMap<string, readonly Range[]>;
  /** The name at a position, an arrow read as what it means. */
  at(position: Position): string | undefined;
}

export function namesIn(document: TextDocument, { lines }: TextView): Names {
  const definitions = new Map<string, Range>();
  const uses = new Map<string, Range[]>();
  const meaning = new Map<number, string>();
  let previous: string | undefined;
  for (const { line, kind, name } of lines) {
    if (name === undefined || kind === 'subgraph') continue;
    const text = document.lineAt(line).text;
    const own = new Range(line, name[0], line, name[1]);
    const label = document.getText(own);
    if (kind === 'output') add(uses, label, own);
    else definitions.set(label, own);
    if (kind !== 'node') continue;
    if (previous !== undefined) meaning.set(line, previous);
    for (const { range, word, isResult } of tokensOf(text, line, name[1])) {
      if (isResult) definitions.set(word, range);
      else add(uses, word === above ? (previous ?? word) : word, range);
    }
    previous = label;
  }
  return {
    definitions,
    uses,
    at: (position) => {
      const range = document.getWordRangeAtPosition(position, new RegExp(token.source));
      const word = range && document.getText(range);
      return word === above ? meaning.get(position.line) : word;
    },
  };
}

/** A name as the model has it. */
export function unquoted(word: string): string {
  return word.startsWith('"') ? String(JSON.parse(word)) : word;
}

/** The words of a node's call; those after `→` are the names of its results. */
export function tokensOf(
  text: string,
  line: number,
  from: number,
): { range: Range; word: string; isResult: boolean }[] {
  const arrow = text.indexOf('→', from);
  return [...text.slice(from).matchAll(token)].map((found) => {
    const start = from + found.index;
    const [word] = found;
    return {
      range: new Range(line, start, line, start + word.length),
      word,
      isResult: arrow >= 0 && start > arrow,
    };
  });
}

function add(map: Map<string, Range[]>, name: string, range: Range): void {
  const list = map.get(name);
  if (list === undefined) map.set(name, [range]);
  else list.push(range);
}
