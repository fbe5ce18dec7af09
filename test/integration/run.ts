/**
 * Entry: runs the mocha suite of this folder inside the extension host of a real VS Code, prints each test, and ends
 * with `N passed, N failed`. `npm run build -- --tests` comes first.
 *
 * The workbench says 0 even where the host ended badly; so mocha's own report, and at least one pass, is demanded.
 */
import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { format } from 'node:util';
import { startBrowser } from '../support/vscode-browser.ts';
import { startServer, type Server } from '../support/vscode-server.ts';
import { projectRoot, serverHome } from '../support/vscode-setup.ts';
import type { Report } from './index.ts';
import { startWindowServer, type WindowServer } from './window.ts';

const timeoutMs = Number(process.env['TEST_TIMEOUT_MS'] ?? 900_000);
const isVerbose = process.env['VERBOSE'] !== undefined;

/** Everything in English, then what is written in Chinese. */
const runs: readonly { readonly language: string; readonly grep: string }[] = [
  { language: 'en', grep: process.env['TEST_GREP'] ?? '' },
  ...(process.env['TEST_GREP'] === undefined ? [{ language: 'zh-cn', grep: 'The language of VS Code' }] : []),
];

/** A packed extension to be tested in place of the folder: `VSIX=dist/packages/….vsix`. */
const vsix = process.env['VSIX'];

/** Of a test. */
interface Told {
  readonly title: string;
  readonly error: string;
}

const scratch = await mkdtemp(path.join(tmpdir(), 'vram-lens-integration-'));
const total = { passes: 0, failures: 0, pending: 0, retried: [] as Told[], failed: [] as Told[] };
const log: string[] = [];
try {
  for (const { language, grep } of runs) {
    const report = await runSuite(language, grep);
    console.log(`${language}:`);
    print(report);
    total.passes += report.passes;
    total.failures += report.failures;
    total.pending += report.pending;
    const inState = (state: string): Told[] =>
      report.tests.flatMap(({ title, error = '', ...t }) =>
        t.state === state ? [{ title: `${title} (${language})`, error }] : [],
      );
    total.retried.push(...inState('retried'));
    total.failed.push(...inState('failed'));
  }
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  console.error(message);
  console.error(log.slice(-25).join('\n'));
  total.failures += 1;
  total.failed.push({ title: 'the extension host', error: message });
} finally {
  await rm(scratch, { recursive: true, force: true });
}
const pending = total.pending > 0 ? `, ${total.pending} pending` : '';
console.log(`\n${total.passes} passed, ${total.failures} failed${pending}`);
const summary = process.env['SUITE_SUMMARY'];
if (summary !== undefined) await writeFile(summary, JSON.stringify(total));
process.exitCode = total.failures === 0 && total.passes > 0 ? 0 : 1;

/** One VS Code in one language, on a fresh copy of the samples. */
async function runSuite(language: string, grep: string): Promise<Report> {
  const workspace = path.join(scratch, language, 'workspace');
  const reportFile = path.join(scratch, language, 'report.json');
  await cp(path.join(projectRoot, 'media/samples'), workspace, { recursive: true });
  const window = await startWindowServer();
  const env = { VRAM_LENS_REPORT: reportFile, TEST_GREP: grep, VRAM_LENS_WINDOW: window.url };
  const packed = vsix === undefined ? undefined : await installed(vsix, path.join(scratch, language));
  const server = await startServer({
    env,
    ...(packed === undefined ? {} : { extensionsDir: packed.extensionsDir }),
  });
  try {
    await runInHost(server, window, workspace, language, packed?.emptyExtension ?? projectRoot);
    const report = JSON.parse(await readFile(reportFile, 'utf8')) as Report;
    if (report.passes + report.failures === 0) throw new Error(`No test ran in ${language}.`);
    return report;
  } catch (error) {
    console.error(server.log().slice(-3000));
    throw error;
  } finally {
    window.close();
    await server.stop();
  }
}

/** Installs the packed extension; VS Code runs tests only for one in development, so an empty one goes with it. */
async function installed(
  file: string,
  folder: string,
): Promise<{ readonly extensionsDir: string; readonly emptyExtension: string }> {
  const [extensionsDir, emptyExtension] = [path.join(folder, 'extensions'), path.join(folder, 'empty')];
  await mkdir(emptyExtension, { recursive: true });
  const manifest = { name: 'empty', publisher: 'test', version: '0.0.1', engines: { vscode: '*' } };
  await writeFile(path.join(emptyExtension, 'package.json'), JSON.stringify(manifest));
  const args = [
    path.join(serverHome, 'package/lib/vscode/out/server-main.js'),
    ...['--accept-server-license-terms', '--server-data-dir', folder],
    ...['--extensions-dir', extensionsDir, '--install-extension', path.resolve(file)],
  ];
  const done = spawnSync(path.join(serverHome, 'bin-node'), args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${file} cannot be installed:\n${done.stdout}${done.stderr}`);
  return { extensionsDir, emptyExtension };
}

/** Opens the workbench with the suite as its extension tests; resolves when the host has run them. */
async function runInHost(
  server: Server,
  window: WindowServer,
  workspace: string,
  language: string,
  development: string,
): Promise<void> {
  const { browser, page } = await startBrowser();
  window.show(page);
  try {
    let timer: NodeJS.Timeout | undefined;
    const exited = new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`No result after ${timeoutMs / 1000} s.`)), timeoutMs);
      page.on('crash', () => reject(new Error('The page crashed.')));
      // must be there before the page is
      void page.exposeFunction('codeAutomationExit', () => resolve());
    });
    exited.catch(() => undefined);
    await page.exposeFunction('codeAutomationLog', (_type: string, args: unknown[]) => {
      log.push(format(...args));
      if (isVerbose) console.log(log.at(-1));
    });
    // as a language pack would set it; VS Code's own words stay English
    await page.addInitScript((nls) => {
      if (nls !== 'en')
        Object.defineProperty(globalThis, '_VSCODE_NLS_LANGUAGE', { value: nls, writable: false });
    }, language);
    await page.goto(
      server.url(workspace, [
        ['extensionDevelopmentPath', server.uri(development)],
        ['extensionTestsPath', server.uri(path.join(projectRoot, 'dist/test/integration.cjs'))],
        ['skipWelcome', 'true'],
      ]),
    );
    await exited;
    clearTimeout(timer);
  } finally {
    await browser.close();
  }
}

function print(report: Report): void {
  for (const t of report.tests) {
    const mark = { passed: '✔', failed: '✖', pending: '-', retried: '↻' }[t.state];
    console.log(`  ${mark} ${t.title}${t.durationMs > 500 ? ` (${t.durationMs} ms)` : ''}`);
    if (t.error !== undefined) console.log(t.error.replaceAll(/^/gm, '      '));
  }
}
