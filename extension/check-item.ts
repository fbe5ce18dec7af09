/** The last check of the active model in the status bar, or one that is under way; a click shows or cancels it. */
import { l10n, StatusBarAlignment, ThemeColor, window, workspace, type StatusBarItem } from 'vscode';
import type { ActiveDocument } from './active-document.ts';
import type { CheckStates } from './check-states.ts';
import { Owner } from './disposable.ts';
import { settings } from './settings.ts';
import { checkStatus, runningStatus, type CheckStatus } from './views/check-status.ts';

export class CheckItem extends Owner {
  readonly #active: Pick<ActiveDocument, 'document'>;
  readonly #states: CheckStates;
  readonly #item: StatusBarItem;

  constructor(active: Pick<ActiveDocument, 'document' | 'onDidChange'>, states: CheckStates) {
    super();
    this.#active = active;
    this.#states = states;
    this.#item = this.own(window.createStatusBarItem('vramLens.check', StatusBarAlignment.Right, 99));
    this.#item.name = l10n.t('Accuracy check');
    const update = (): void => this.#update();
    this.own(active.onDidChange(update));
    this.own(states.onDidChange(update));
    this.own(
      workspace.onDidChangeConfiguration((e) => {
        if (e.affectsConfiguration('vramLens.check.maxAccuracyDrop')) update();
      }),
    );
    update();
  }

  #update(): void {
    const status = this.#status();
    if (status === undefined) {
      this.#item.hide();
      return;
    }
    const { text, tooltip, command, grade } = status;
    Object.assign(this.#item, { text, tooltip, command, backgroundColor: backgrounds[grade] });
    this.#item.show();
  }

  /** What runs is shown wherever a person has gone meanwhile. */
  #status(): CheckStatus | undefined {
    const { running } = this.#states;
    if (running !== undefined) return runningStatus(running);
    const { document } = this.#active;
    if (document === undefined || document.failure !== undefined) return undefined;
    const state = this.#states.of(document.uri);
    const { edits } = document.recipe;
    const { maxAccuracyDrop } = settings;
    return state && checkStatus(state, { uri: document.uri, edits, maxAccuracyDrop });
  }
}

const backgrounds = {
  plain: undefined,
  warning: new ThemeColor('statusBarItem.warningBackground'),
  error: new ThemeColor('statusBarItem.errorBackground'),
} as const satisfies Readonly<Record<CheckStatus['grade'], ThemeColor | undefined>>;
