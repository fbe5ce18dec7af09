/** VS Code's cancellation as the platform's. */
import type { CancellationToken, Disposable } from 'vscode';

/** Runs `work` with a signal that follows `token`. */
export async function withSignal<T>(
  token: CancellationToken | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  if (token?.isCancellationRequested === true) controller.abort();
  const listener: Disposable | undefined = token?.onCancellationRequested(() => controller.abort());
  try {
    return await work(controller.signal);
  } finally {
    listener?.dispose();
  }
}
