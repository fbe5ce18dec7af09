/** Outline, breadcrumbs and folding of the text: layers with their nodes, subgraphs within. */
import {
  DocumentSymbol,
  FoldingRange,
  FoldingRangeKind,
  Range,
  SymbolKind,
  type DocumentSymbolProvider,
  type FoldingRangeProvider,
  type TextDocument,
} from 'vscode';
import type { OutlineLine } from '../../src/analysis/index.ts';
import type { TextLine } from '../session/text/text.ts';
import type { TextView, TextViews } from './text-views.ts';

export class Structure implements DocumentSymbolProvider, FoldingRangeProvider {
  readonly #texts: TextViews;

  constructor(texts: TextViews) {
    this.#texts = texts;
  }

  async provideDocumentSymbols(document: TextDocument): Promise<DocumentSymbol[]> {
    const view = await this.#texts.viewOf(document);
    return view === undefined ? [] : symbols(document, view);
  }

  async provideFoldingRanges(document: TextDocument): Promise<FoldingRange[]> {
    const view = await this.#texts.viewOf(document);
    return (view?.regions ?? []).map(
      ({ kind, start, end }) =>
        new FoldingRange(start, end, kind === 'header' ? FoldingRangeKind.Comment : undefined),
    );
  }
}

interface Open {
  readonly children: DocumentSymbol[];
  /** Last line that may belong to it. */
  readonly end: number;
}

/** VS Code copies symbols one by one: more would keep other extensions waiting for longer than a person notices. */
const mostSymbols = 3000;

/** Every named line; in a large model the layers and subgraphs, whose nodes are seen in the text. */
function namedLines({ lines, regions }: TextView): readonly TextLine[] {
  const named = lines.filter((l) => l.name !== undefined);
  if (named.length <= mostSymbols) return named;
  const starts = new Set(regions.map((r) => r.start));
  return named.filter((l) => starts.has(l.line)).slice(0, mostSymbols);
}

/** One symbol per named line; what a region folds is within the symbol of its first line. */
function symbols(document: TextDocument, view: TextView): DocumentSymbol[] {
  const ends = new Map(view.regions.map((r) => [r.start, r.end]));
  const root: DocumentSymbol[] = [];
  const open: Open[] = [{ children: root, end: Infinity }];
  for (const entry of namedLines(view)) {
    while (entry.line > (open.at(-1)?.end ?? Infinity)) open.pop();
    const end = ends.get(entry.line) ?? entry.line;
    const symbol = symbolFor(document, entry, end);
    open.at(-1)?.children.push(symbol);
    if (end > entry.line) open.push({ children: symbol.children, end });
  }
  return root;
}

function symbolFor(
  document: TextDocument,
  { line, kind, name = [0, 0], detail = kind }: TextLine,
  end: number,
): DocumentSymbol {
  const selection = new Range(line, name[0], line, name[1]);
  const range = new Range(line, 0, end, document.lineAt(end).text.length);
  return new DocumentSymbol(
    document.getText(selection),
    detail,
    kinds[kind] ?? SymbolKind.Null,
    range,
    selection,
  );
}

const kinds: Readonly<Partial<Record<OutlineLine['kind'], SymbolKind>>> = {
  input: SymbolKind.Interface,
  output: SymbolKind.Interface,
  node: SymbolKind.Function,
  subgraph: SymbolKind.Namespace,
};
