/** What became of each model's last check: under way, failed, or done with a report. */
import { EventEmitter, type Uri } from 'vscode';
import type { Progress, RunOptions } from '../src/runtime/index.ts';
import type { CheckHistory, KeptCheck } from './check-history.ts';
import { isCancelled } from './commands/command.ts';
import { Owner } from './disposable.ts';
import { messageOf } from './views/error-view.ts';

export type CheckState =
  | {
      readonly kind: 'running';
      /** What is checked, as in {@link KeptCheck.label}. */
      readonly label: string;
      readonly progress: Progress;
      readonly cancel: () => void;
    }
  | { readonly kind: 'failed'; readonly label: string; readonly message: string }
  | { readonly kind: 'done'; readonly check: KeptCheck };

export class CheckStates extends Owner {
  readonly #history: Pick<CheckHistory, 'newest'>;
  readonly #changed = this.own(new EventEmitter<void>());
  readonly #states = new Map<string, CheckState>();

  readonly onDidChange = this.#changed.event;

  constructor(history: Pick<CheckHistory, 'newest'>) {
    super();
    this.#history = history;
  }

  /** Of earlier sessions too; undefined where it was never checked. */
  of(uri: Uri): CheckState | undefined {
    const known = this.#states.get(uri.toString());
    if (known !== undefined) return known;
    const check = this.#history.newest(uri);
    if (check === undefined) return undefined;
    const state = { kind: 'done', check } as const;
    // read from the history once
    this.#states.set(uri.toString(), state);
    return state;
  }

  /** The check under way that was begun first, of whatever model. */
  get running(): Extract<CheckState, { kind: 'running' }> | undefined {
    return [...this.#states.values()].find((s) => s.kind === 'running');
  }

  /** Follows a check to its end. `work` ends where its signal says so; a cancelled one leaves what was before. */
  async track<T extends { readonly check: KeptCheck }>(
    uri: Uri,
    label: string,
    work: (options: Required<RunOptions> & { readonly signal: AbortSignal }) => PromiseLike<T>,
  ): Promise<T> {
    const controller = new AbortController();
    const before = this.#states.get(uri.toString());
    const cancel = (): void => controller.abort();
    const show = (progress: Progress): void => this.#set(uri, { kind: 'running', label, progress, cancel });
    show({ fraction: 0, message: '' });
    try {
      const result = await work({ signal: controller.signal, onProgress: show });
      this.#set(uri, { kind: 'done', check: result.check });
      return result;
    } catch (error) {
      const failed = { kind: 'failed', label, message: messageOf(error) } as const;
      this.#set(uri, isCancelled(error) ? before : failed);
      throw error;
    }
  }

  #set(uri: Uri, state: CheckState | undefined): void {
    const key = uri.toString();
    if (state === undefined) this.#states.delete(key);
    else this.#states.set(key, state);
    this.#changed.fire();
  }
}
