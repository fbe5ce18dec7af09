import type { Webview } from 'vscode';
import type { Port } from '../../src/rpc.ts';
import type { Disposable } from '../disposable.ts';

/** A webview as a message port; what the page says before anyone listens is kept until then. */
export function webviewPort(webview: Webview): Port & Disposable {
  let early: unknown[] | undefined = [];
  let handler = (message: unknown): void => void early?.push(message);
  const listener = webview.onDidReceiveMessage((message: unknown) => handler(message));
  return {
    post: (message) => webview.postMessage(message),
    listen: (next) => {
      const said = early ?? [];
      early = undefined;
      handler = next;
      // once whoever listens is complete
      queueMicrotask(() => {
        for (const message of said) handler(message);
      });
      return () => {
        handler = () => undefined;
      };
    },
    dispose: () => void listener.dispose(),
  };
}
