/** How every command is registered: what it throws becomes a message that says what to do, and a line in the log. */
import { commands, l10n, window, type Disposable } from 'vscode';
import { isRunnerError } from '../../src/runtime/index.ts';
import type { Services } from '../services.ts';
import { log } from '../log.ts';
import { adviceFor, messageOf } from '../views/error-view.ts';

export interface Command {
  readonly id: `vramLens.${string}`;
  /** Its result goes to the caller (`executeCommand`). */
  readonly run: (services: Services, ...args: readonly unknown[]) => unknown;
}

export function registerCommand(services: Services, { id, run }: Command): Disposable {
  return commands.registerCommand(id, async (...args: readonly unknown[]) => {
    try {
      return await run(services, ...args);
    } catch (error) {
      if (isCancelled(error)) return undefined;
      log().error(`${id}:`, error);
      showError(error);
      return undefined;
    }
  });
}

export function showError(error: unknown): void {
  const advice = adviceFor(error);
  const message = advice === undefined ? messageOf(error) : `${messageOf(error)} ${advice}`;
  const showLog = l10n.t('Show Log');
  void window.showErrorMessage(message, showLog).then((chosen) => {
    if (chosen === showLog) log().show();
  });
}

/** Whether the person, or the window's end, wanted it so. */
export function isCancelled(error: unknown): boolean {
  if (isRunnerError(error)) return error.kind === 'cancelled';
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'Canceled');
}
