/** Columns, sort and filter of each model's page, remembered for the workspace. */
import type { Memento, Uri } from 'vscode';

type State = Readonly<Record<string, unknown>>;

const prefix = 'viewState:';
/** The states of models long closed go first. */
const maxKept = 100;

export class ViewStates {
  readonly #memento: Memento;

  constructor(memento: Memento) {
    this.#memento = memento;
  }

  get(uri: Uri): State {
    return this.#memento.get<State>(prefix + uri.toString(), {});
  }

  async set(uri: Uri, state: State): Promise<void> {
    const key = prefix + uri.toString();
    const kept = this.#memento.keys().filter((k) => k.startsWith(prefix) && k !== key);
    for (const old of kept.slice(0, Math.max(0, kept.length + 1 - maxKept)))
      await this.#memento.update(old, undefined);
    await this.#memento.update(key, state);
  }
}
