/**
 * Save. It writes the compressed model over the file; where that file is still the original, a person is asked first,
 * and offered to keep it: what the weights were cannot be had back from the compressed model.
 *
 * Auto save (the default in browsers) must not do that by itself, and VS Code does not tell its saves from others. So
 * where it is on, a save that nobody is known to have asked for is put off, with a message to do it.
 */
import { CancellationError, commands, l10n, Uri, window, workspace, type CancellationToken } from 'vscode';
import type { Recipe } from '../../src/transforms/index.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { log } from '../log.ts';
import { settings } from '../settings.ts';
import { weightTypeOf } from '../views/edit-label.ts';
import { saveDecision } from './save-decision.ts';
import { editorViewType } from './view-type.ts';

type Answer = 'overwrite' | 'new file' | undefined;

export class Saving {
  /** Documents that a person has asked to save just now. */
  readonly #asked = new Set<OnnxDocument>();
  /** Documents whose original may be overwritten, by a person's word. */
  readonly #allowed = new WeakSet<OnnxDocument>();
  /** The original of which a person was told that it is not overwritten by itself. */
  readonly #told = new WeakMap<OnnxDocument, string>();

  /**
   * What VS Code calls, for whatever reason.
   * @throws CancellationError where nothing was saved; the document stays unsaved
   */
  async save(document: OnnxDocument, token: CancellationToken): Promise<void> {
    const decision = saveDecision({
      mayOverwrite: this.#mayOverwrite(document),
      isAutoSaveOn: isAutoSaveOn(document.uri),
      isAsked: this.#asked.has(document),
      original: document.stamp,
      toldOf: this.#told.get(document),
    });
    if (decision === 'write') return document.save(token);
    if (decision !== 'ask') {
      if (decision === 'tell') this.#tell(document);
      throw new CancellationError();
    }
    const answer = await ask(document, true);
    if (answer === undefined) throw new CancellationError();
    if (answer === 'overwrite') await document.save(token);
    else await saveToNewFile(document, token);
  }

  /** Save, as asked for by a person: Ctrl+S, a button. */
  async saveActive(document: OnnxDocument): Promise<void> {
    this.#asked.add(document);
    try {
      await commands.executeCommand('workbench.action.files.save');
    } finally {
      this.#asked.delete(document);
    }
  }

  #mayOverwrite(document: OnnxDocument): boolean {
    const { hasEdits, file } = document;
    return file.isCompressed || !hasEdits || !settings.confirmOverwrite || this.#allowed.has(document);
  }

  /** One message for each original, which does not stand in the way. */
  #tell(document: OnnxDocument): void {
    if (document.stamp !== undefined) this.#told.set(document, document.stamp);
    void this.#askLater(document).catch((error: unknown) => {
      log().error(`${document.fileName}: not saved:`, error);
    });
  }

  async #askLater(document: OnnxDocument): Promise<void> {
    const answer = await ask(document, false);
    if (answer === undefined || !document.isDirty) return;
    await commands.executeCommand('vscode.openWith', document.uri, editorViewType, { preview: false });
    if (answer === 'overwrite') this.#allowed.add(document);
    if (answer === 'overwrite') await commands.executeCommand('workbench.action.files.save');
    else await commands.executeCommand('vramLens.saveCompressed', document.uri);
  }
}

function isAutoSaveOn(uri: Uri): boolean {
  const mode = workspace.getConfiguration('files', uri).get<string>('autoSave');
  return mode !== undefined && mode !== 'off';
}

async function ask({ fileName }: OnnxDocument, isModal: boolean): Promise<Answer> {
  const keep = l10n.t('Save as New File…');
  const overwrite = l10n.t('Overwrite');
  const detail = l10n.t('The original weights cannot be had back from it. A new file keeps them.');
  const chosen = isModal
    ? await window.showWarningMessage(
        l10n.t('Overwrite {0} with the compressed model?', fileName),
        { modal: true, detail },
        keep,
        overwrite,
      )
    : await window.showInformationMessage(
        l10n.t('The edits of {0} are not saved: auto save does not overwrite an original model.', fileName),
        keep,
        overwrite,
      );
  return chosen === keep ? 'new file' : chosen === overwrite ? 'overwrite' : undefined;
}

async function saveToNewFile(document: OnnxDocument, token: CancellationToken): Promise<void> {
  const target = await askTarget(document);
  if (target === undefined) throw new CancellationError();
  await document.saveAs(target, token);
  if (target.toString() === document.uri.toString()) return;
  // what was to be saved is saved: the original's editor goes back to the file
  document.discardEdits();
  await commands.executeCommand('vscode.openWith', target, editorViewType, { preview: false });
}

export function askTarget(document: OnnxDocument): Thenable<Uri | undefined> {
  const name = compressedName(document.fileName, document.recipe);
  return window.showSaveDialog({
    title: l10n.t('Save Compressed Model As'),
    defaultUri: Uri.joinPath(document.uri, '..', name),
    filters: { [l10n.t('ONNX models')]: ['onnx'] },
  });
}

/** model.onnx → model.int8.onnx, model.pruned.onnx, model.pruned.int8.onnx */
function compressedName(name: string, { edits }: Recipe): string {
  const marks = edits.map((e) => {
    if (e.type === 'clean') return 'clean';
    return e.type === 'quantize' || e.type === 'cast' ? weightTypeOf(e) : 'pruned';
  });
  const stem = name.replace(/\.onnx$/i, '');
  return [stem, ...(marks.length === 0 ? ['copy'] : new Set(marks)), 'onnx'].join('.');
}
