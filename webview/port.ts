/** The message port that VS Code gives a webview, as a `Port` of src/rpc.ts. */
import type { Port } from '../src/rpc.ts';

interface VsCodeApi {
  postMessage(message: unknown): void;
}
declare function acquireVsCodeApi(): VsCodeApi;

/** May be made once in the life of the page. */
export function vscodePort(): Port {
  const vscode = acquireVsCodeApi();
  return {
    post: (message) => vscode.postMessage(message),
    listen: (handler) => {
      const onMessage = (event: MessageEvent<unknown>): void => handler(event.data);
      window.addEventListener('message', onMessage);
      return () => window.removeEventListener('message', onMessage);
    },
  };
}
