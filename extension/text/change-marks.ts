/**
 * What the recipe changed, in the text itself: the layer's line is marked, and says after it what stood there before
 * (struck through) and what it saves. Only the visible editors carry marks.
 */
import {
  OverviewRulerLane,
  Range,
  ThemeColor,
  window,
  type DecorationOptions,
  type TextEditor,
} from 'vscode';
import { Owner } from '../disposable.ts';
import { log } from '../log.ts';
import type { TextViews } from './text-views.ts';

export class ChangeMarks extends Owner {
  readonly #texts: TextViews;
  readonly #mark = this.own(
    window.createTextEditorDecorationType({
      isWholeLine: true,
      backgroundColor: new ThemeColor('diffEditor.insertedLineBackground'),
      overviewRulerColor: new ThemeColor('editorOverviewRuler.modifiedForeground'),
      overviewRulerLane: OverviewRulerLane.Left,
    }),
  );
  readonly #before = this.own(
    window.createTextEditorDecorationType({
      after: {
        color: new ThemeColor('descriptionForeground'),
        textDecoration: 'line-through',
        margin: '0 0 0 2em',
      },
    }),
  );
  readonly #saved = this.own(
    window.createTextEditorDecorationType({
      after: { color: new ThemeColor('editorCodeLens.foreground'), margin: '0 0 0 1em' },
    }),
  );

  constructor(texts: TextViews) {
    super();
    this.#texts = texts;
    this.own(
      texts.onDidRender((uri) => this.#updateWhere((e) => e.document.uri.toString() === uri.toString())),
    );
    this.own(window.onDidChangeVisibleTextEditors(() => this.#updateWhere(() => true)));
  }

  #updateWhere(isWanted: (editor: TextEditor) => boolean): void {
    for (const editor of window.visibleTextEditors.filter(isWanted)) {
      this.#update(editor).catch((error: unknown) => log().warn('change marks:', error));
    }
  }

  async #update(editor: TextEditor): Promise<void> {
    const view = await this.#texts.viewOf(editor.document);
    if (view === undefined || view.side === 'original') return;
    const found = await view.document.ask('changeMarks');
    const marks = found.flatMap((mark) => {
      const lines = mark.nodes.map((id) => view.firstLines.get(id) ?? Infinity);
      const [first, last] = [Math.min(...lines), Math.max(...lines)];
      return last < editor.document.lineCount ? [{ ...mark, first, last }] : [];
    });
    editor.setDecorations(
      this.#mark,
      marks.map(({ first, last }) => new Range(first, 0, last, 0)),
    );
    editor.setDecorations(
      this.#before,
      marks.map(({ before, first }) => atEnd(editor, first, before)),
    );
    editor.setDecorations(
      this.#saved,
      marks.map(({ after, first }) => atEnd(editor, first, after)),
    );
  }
}

function atEnd({ document }: TextEditor, line: number, contentText: string): DecorationOptions {
  const { end } = document.lineAt(line).range;
  return { range: new Range(end, end), renderOptions: { after: { contentText } } };
}
