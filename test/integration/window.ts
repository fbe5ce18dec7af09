/**
 * What a person sees of the window around the suite, for tests in the extension host: VS Code tells extensions nothing
 * of, say, the status bar. `GET /?selector` answers with the accessible names of all elements that match.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';

export interface WindowServer {
  /** Reaches the extension host as $VRAM_LENS_WINDOW. */
  readonly url: string;
  /** The page is there later than its address has to be known. */
  show(page: Page): void;
  close(): void;
}

export async function startWindowServer(): Promise<WindowServer> {
  let shown: Page | undefined;
  const server = createServer((request, response) => {
    const selector = decodeURIComponent(request.url?.slice('/?'.length) ?? '');
    const names = shown?.locator(selector).evaluateAll((all) => all.map((e) => e.getAttribute('aria-label')));
    (names ?? Promise.reject(new Error('There is no page.'))).then(
      (found) => response.end(JSON.stringify(found)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    show: (page) => (shown = page),
    close: () => server.close(),
  };
}
