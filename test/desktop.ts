/**
 * Entry: the suite of test/integration in a desktop VS Code, fetched by @vscode/test-electron or named in
 * `VSCODE_EXECUTABLE`. `npm run test:desktop`.
 */
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { downloadAndUnzipVSCode, runTests } from '@vscode/test-electron';
import type { Report } from './integration/index.ts';
import { projectRoot } from './support/vscode-setup.ts';

const executable = process.env['VSCODE_EXECUTABLE'] ?? (await download());
if (executable === undefined) process.exit(1);

const scratch = await mkdtemp(path.join(tmpdir(), 'vram-lens-desktop-'));
const workspace = path.join(scratch, 'workspace');
const report = path.join(scratch, 'report.json');
try {
  await cp(path.join(projectRoot, 'media/samples'), workspace, { recursive: true });
  await runTests({
    vscodeExecutablePath: executable,
    extensionDevelopmentPath: projectRoot,
    extensionTestsPath: path.join(projectRoot, 'dist/test/integration.cjs'),
    launchArgs: [
      workspace,
      '--disable-extensions',
      '--disable-workspace-trust',
      '--user-data-dir',
      path.join(scratch, 'user'),
    ],
    extensionTestsEnv: { VRAM_LENS_REPORT: report },
  });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await summarize();
  await rm(scratch, { recursive: true, force: true });
}

async function download(): Promise<string | undefined> {
  try {
    return await downloadAndUnzipVSCode({ version: 'stable', extensionDevelopmentPath: projectRoot });
  } catch (error) {
    console.error(
      'No desktop VS Code could be fetched here. Name an installed one in VSCODE_EXECUTABLE, or run the same suite ' +
        `in a VS Code server: node --import=tsx test/integration/run.ts\n(${error instanceof Error ? error.message : String(error)})`,
    );
    return undefined;
  }
}

async function summarize(): Promise<void> {
  try {
    const { tests, passes, failures } = JSON.parse(await readFile(report, 'utf8')) as Report;
    for (const t of tests)
      console.log(
        `  ${t.state === 'passed' ? '✔' : '✖'} ${t.title}${t.error === undefined ? '' : `\n${t.error}`}`,
      );
    console.log(`${passes} passed, ${failures} failed`);
  } catch {
    console.log('0 passed, 1 failed');
    process.exitCode = 1;
  }
}
