/** Starts and stops the VS Code server on a free port of this machine, with its own settings and data. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { serverHome } from './vscode-setup.ts';

/** Nothing that asks, reports, updates or gets in the way of a screenshot. */
const quiet: Readonly<Record<string, unknown>> = {
  'telemetry.telemetryLevel': 'off',
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'workbench.startupEditor': 'none',
  'workbench.enableExperiments': false,
  'workbench.tips.enabled': false,
  'workbench.layoutControl.enabled': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden', // the chat pane would squeeze a diff into inline form
  'chat.disableAIFeatures': true,
  'security.workspace.trust.enabled': false,
  'git.enabled': false,
  'window.menuBarVisibility': 'compact',
};

export interface ServerOptions {
  /** Folder of installed extensions; default an empty one. */
  readonly extensionsDir?: string;
  /** Server and user data; default a temporary folder, removed at stop. */
  readonly dataDir?: string;
  /** User settings, over the quiet ones. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Reaches the extension host. */
  readonly env?: Readonly<Record<string, string>>;
  /** Workspace trust is off unless it is what is tested. */
  readonly workspaceTrust?: boolean;
}

export interface Server {
  /** `127.0.0.1:port` */
  readonly host: string;
  log(): string;
  /** A file as the workbench names it. */
  uri(file: string): string;
  /** The page with `folder` open; `payload` are workbench options such as `extensionDevelopmentPath`. */
  url(folder: string, payload?: readonly (readonly [string, string])[]): string;
  stop(): Promise<void>;
}

export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const root = options.dataDir ?? (await mkdtemp(path.join(tmpdir(), 'vscode-run-')));
  const user = path.join(root, 'data', 'User');
  await mkdir(user, { recursive: true });
  await writeFile(
    path.join(user, 'settings.json'),
    JSON.stringify({ ...quiet, ...options.settings }, null, 2),
  );
  const child = spawn(path.join(serverHome, 'bin-node'), serverArguments(root, options), {
    // HOME: the server must not read or write the user's own settings
    env: { ...process.env, EXTENSIONS_GALLERY: '{}', HOME: root, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // its own process group, so that the hosts end with it
  });
  const started = await listening(child);
  const host = `127.0.0.1:${started.port}`;
  return {
    host,
    log: started.log,
    uri: (file) => `vscode-remote://${host}${path.resolve(file)}`,
    url(folder, payload = []) {
      const url = new URL(`http://${host}/`);
      url.searchParams.set('folder', path.resolve(folder));
      if (payload.length > 0) url.searchParams.set('payload', JSON.stringify(payload));
      return url.href;
    },
    async stop() {
      await endGroup(child);
      if (options.dataDir === undefined)
        await rm(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

function serverArguments(root: string, options: ServerOptions): string[] {
  return [
    path.join(serverHome, 'package/lib/vscode/out/server-main.js'),
    ...['--host', '127.0.0.1', '--port', '0', '--without-connection-token', '--accept-server-license-terms'],
    ...['--telemetry-level', 'off'],
    '--enable-smoke-test-driver', // without it the page's payload is silently ignored
    ...(options.workspaceTrust === true ? [] : ['--disable-workspace-trust']),
    ...['--server-data-dir', root, '--user-data-dir', path.join(root, 'data')],
    ...['--extensions-dir', options.extensionsDir ?? path.join(root, 'extensions')],
  ];
}

function listening(child: ChildProcess): Promise<{ port: string; log: () => string }> {
  let log = '';
  return new Promise((resolve, reject) => {
    const see = (chunk: Buffer): void => {
      log += chunk.toString();
      const port = /Web UI available at http:\/\/[^:]+:(\d+)/.exec(log)?.[1];
      if (port !== undefined) resolve({ port, log: () => log });
    };
    child.stdout?.on('data', see);
    child.stderr?.on('data', see);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`The VS Code server ended with ${String(code)}.\n${log}`)));
  });
}

/** Ends the server with its extension hosts; forcibly after 5 s. */
async function endGroup(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-pid, name);
    } catch {
      // already gone
    }
  };
  const gone = child.exitCode === null ? new Promise((resolve) => child.once('exit', resolve)) : undefined;
  signal('SIGTERM');
  await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, 5000))]);
  signal('SIGKILL');
}
