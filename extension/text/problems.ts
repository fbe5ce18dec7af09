/** What is wrong or wasteful in a model, as problems of its text: where a node is named, at its line. */
import {
  Diagnostic,
  DiagnosticSeverity,
  languages,
  Range,
  type DiagnosticCollection,
  type Uri,
} from 'vscode';
import { Owner } from '../disposable.ts';
import { log } from '../log.ts';
import { modelView } from '../views/model-view.ts';
import { firstLines } from './code-lens.ts';
import type { TextViews } from './text-views.ts';
import { weightProblems } from './weight-problems.ts';

const severities = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  info: DiagnosticSeverity.Information,
} as const;

export class Problems extends Owner {
  readonly #texts: TextViews;
  readonly #collection: DiagnosticCollection = this.own(languages.createDiagnosticCollection('vram-lens'));

  constructor(texts: TextViews) {
    super();
    this.#texts = texts;
    this.own(
      texts.onDidRender((uri) => {
        this.#update(uri).catch((error: unknown) => log().warn('problems:', error));
      }),
    );
    this.own(texts.onDidClose((uri) => this.#collection.delete(uri)));
  }

  #problem(line: number, message: string, severity: keyof typeof severities): Diagnostic {
    const range = new Range(line, 0, line, Number.MAX_SAFE_INTEGER);
    const problem = new Diagnostic(range, message, severities[severity]);
    problem.source = 'VRAM Lens';
    return problem;
  }

  async #update(uri: Uri): Promise<void> {
    const view = await this.#texts.viewOfUri(uri);
    // in a comparison, the problems of the model would stand twice
    if (view === undefined || view.side === 'original') {
      this.#collection.delete(uri);
      return;
    }
    const lineOf = firstLines(view);
    const found = modelView(view.document).diagnostics.map(({ severity, message, node }) => {
      const line = node === undefined ? 0 : (lineOf.get(node) ?? 0);
      return this.#problem(line, message, severity);
    });
    const weights = weightProblems(view).map(({ node, message }) => {
      return this.#problem(lineOf.get(node) ?? 0, message, 'warning');
    });
    this.#collection.set(uri, [...found, ...weights]);
  }
}
