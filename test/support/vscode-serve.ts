/** Serves VS Code, with the extension in it, on a folder, for a person with a browser. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { startServer } from './vscode-server.ts';
import { ensureLogger, ensureServer, projectRoot } from './vscode-setup.ts';

export interface Serving {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * @param folder what the Explorer shows
 */
export async function serve(folder: string): Promise<Serving> {
  ensureServer();
  ensureLogger();
  const dataDir = path.join(projectRoot, '.cache/vscode-data'); // kept, so that a person's settings stay
  await mkdir(dataDir, { recursive: true });
  const server = await startServer({ dataDir });
  const payload = [
    ['extensionDevelopmentPath', server.uri(projectRoot)],
    ['skipWelcome', 'true'],
  ] as const;
  return { url: server.url(folder, payload), stop: () => server.stop() };
}
