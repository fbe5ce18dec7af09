/**
 * What the recipe changed, in the text itself: the layer's lines are marked, and beside its name stands what it was before
 * (struck through), what it is, and what that saves. After the name, since the end of a line is often out of sight.
 * Only the visible editors carry marks.
 */
import {
  OverviewRulerLane,
  Position,
  Range,
  ThemeColor,
  window,
  type DecorationOptions,
  type TextEditor,
} from 'vscode';
import { Owner } from '../disposable.ts';
import { log } from '../log.ts';
import type { ChangeMark } from '../session/text/change-marks.ts';
import type { TextViews } from './text-views.ts';

export class ChangeMarks extends Owner {
  readonly #texts: TextViews;
  readonly #mark = this.own(
    window.createTextEditorDecorationType({
      isWholeLine: true,
      backgroundColor: new ThemeColor('diffEditor.insertedLineBackground'),
      // high contrast has no such background
      borderStyle: 'solid',
      borderWidth: '0 0 0 2px',
      borderColor: new ThemeColor('editorGutter.addedBackground'),
      overviewRulerColor: new ThemeColor('editorOverviewRuler.addedForeground'),
      overviewRulerLane: OverviewRulerLane.Left,
    }),
  );
  readonly #words = this.own(
    window.createTextEditorDecorationType({
      before: {
        color: new ThemeColor('descriptionForeground'),
        textDecoration: 'line-through',
        margin: '0 0 0 2ch',
      },
      after: { color: new ThemeColor('editor.foreground'), margin: '0 0 0 1ch' },
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
    const ends = new Map(view.lines.map(({ line, name }) => [line, name?.[1]]));
    editor.setDecorations(
      this.#words,
      marks.map((mark) => {
        const end = ends.get(mark.first) ?? editor.document.lineAt(mark.first).text.length;
        return wordsAt(new Position(mark.first, end), mark);
      }),
    );
  }
}

const smaller = new ThemeColor('charts.green');

function wordsAt(at: Position, { before, after, savedBytes }: ChangeMark): DecorationOptions {
  const colour = savedBytes > 0 ? { color: smaller } : {};
  return {
    range: new Range(at, at),
    renderOptions: { before: { contentText: before }, after: { contentText: after, ...colour } },
  };
}
