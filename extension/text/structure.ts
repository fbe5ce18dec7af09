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
import { formatBytes } from '../../src/format.ts';
import type { OutlineLine } from '../../src/analysis/index.ts';
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

/** One symbol per named line; what a region folds is within the symbol of its first line. */
function symbols(document: TextDocument, view: TextView): DocumentSymbol[] {
  const ends = new Map(view.regions.map((r) => [r.start, r.end]));
  const costs = new Map(view.estimate.nodes.map((n) => [n.id, n]));
  const root: DocumentSymbol[] = [];
  const open: Open[] = [{ children: root, end: Infinity }];
  for (const entry of view.lines) {
    while (entry.line > (open.at(-1)?.end ?? Infinity)) open.pop();
    if (entry.name === undefined) continue;
    const end = ends.get(entry.line) ?? entry.line;
    const symbol = symbolFor(document, entry, end, costs.get(entry.nodeId ?? ''));
    open.at(-1)?.children.push(symbol);
    if (end > entry.line) open.push({ children: symbol.children, end });
  }
  return root;
}

function symbolFor(
  document: TextDocument,
  { line, kind, name = [0, 0] }: OutlineLine,
  end: number,
  cost: TextView['estimate']['nodes'][number] | undefined,
): DocumentSymbol {
  const selection = new Range(line, name[0], line, name[1]);
  const range = new Range(line, 0, end, document.lineAt(end).text.length);
  const isNode = kind === 'node' && cost !== undefined;
  const weights = isNode && cost.parameterBytes > 0 ? ` · ${formatBytes(cost.parameterBytes)}` : '';
  const detail = isNode ? `${cost.opType}${weights}` : kind;
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
