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
import type { ProblemView } from '../session/text/problems.ts';
import type { TextViews } from './text-views.ts';

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

  #problem(line: number, { message, severity, code }: ProblemView): Diagnostic {
    const range = new Range(line, 0, line, Number.MAX_SAFE_INTEGER);
    const problem = new Diagnostic(range, message, severities[severity]);
    problem.source = 'VRAM Lens';
    if (code !== undefined) problem.code = code;
    return problem;
  }

  async #update(uri: Uri): Promise<void> {
    const view = await this.#texts.viewOfUri(uri);
    // in a comparison, the problems of the model would stand twice
    if (view === undefined || view.side === 'original') {
      this.#collection.delete(uri);
      return;
    }
    const found = await view.document.ask('problems');
    this.#collection.set(
      uri,
      found.map((problem) => this.#problem(view.firstLines.get(problem.node ?? '') ?? 0, problem)),
    );
  }
}
