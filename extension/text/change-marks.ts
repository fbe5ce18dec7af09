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
import { formatBytes, formatChange } from '../../src/format.ts';
import { Owner } from '../disposable.ts';
import { log } from '../log.ts';
import { changeLabel } from '../views/edit-label.ts';
import type { LayerState } from '../views/layers.ts';
import { firstLines, layersOfView } from './code-lens.ts';
import type { TextView, TextViews } from './text-views.ts';

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
    const lineOf = firstLines(view);
    const changed = layersOfView(view).filter((l) => l.changes.some((c) => c.status === 'applied'));
    const marks = changed.flatMap((layer) => {
      const lines = layer.nodes.map((id) => lineOf.get(id) ?? Infinity);
      const [first, last] = [Math.min(...lines), Math.max(...lines)];
      return last < editor.document.lineCount ? [{ layer, first, last }] : [];
    });
    editor.setDecorations(
      this.#mark,
      marks.map(({ first, last }) => new Range(first, 0, last, 0)),
    );
    editor.setDecorations(
      this.#before,
      marks.map(({ layer, first }) => atEnd(editor, first, beforeText(layer))),
    );
    editor.setDecorations(
      this.#saved,
      marks.map(({ layer, first }) => atEnd(editor, first, changeText(view, layer))),
    );
  }
}

function atEnd({ document }: TextEditor, line: number, contentText: string): DecorationOptions {
  const { end } = document.lineAt(line).range;
  return { range: new Range(end, end), renderOptions: { after: { contentText } } };
}

/** e.g. `Conv 36.1 KiB` */
function beforeText({ before }: LayerState): string {
  return before === undefined ? '' : `${before.opType} ${formatBytes(before.parameterBytes)}`;
}

/** e.g. `int8 9.06 KiB (−27.0 KiB, −74.9 %)` */
function changeText({ document }: TextView, layer: LayerState): string {
  const { recipe } = document.snapshot;
  const applied = layer.changes.filter((c) => c.status === 'applied');
  const labels = applied.flatMap((c) => {
    const edit = recipe.edits[c.edit];
    return edit === undefined ? [] : [changeLabel(edit)];
  });
  const label = [...new Set(labels)].join(', ');
  const after = layer.parameterBytes;
  const before = layer.before?.parameterBytes ?? after;
  if (before === after) return label;
  const saved = `${formatBytes(after - before)}, ${formatChange(before, after)}`;
  return `${label} ${formatBytes(after)} (${saved})`;
}
