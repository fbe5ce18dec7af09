// `npm test [-- checks unit webview integration vscode]`: sets everything up, runs every suite (or the named ones)
// and closes with one plain line, `N passed, N failed`, summed over all of them.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build, ensureDependencies, ensureNode, root, runOrExit } from './deps.mjs';

ensureNode();
ensureDependencies();

const bin = (name) => path.join(root, 'node_modules', '.bin', name);
const mocha = (...args) => [bin('mocha'), '--import=tsx', '--reporter', 'test/support/reporter.cjs', ...args];
const tsx = (file) => [process.execPath, '--import=tsx', file];

/** Each check counts as one test; each suite writes its own figures to $SUITE_SUMMARY. */
const checks = {
  types: [
    ['tsc', '-p', 'src'],
    ['tsc', '-p', 'extension'],
    ['tsc', '-p', 'webview'],
    ['tsc', '-p', 'test'],
  ],
  lint: [['eslint', '.']],
  format: [['prettier', '--check', '--log-level', 'warn', '.']],
};
const suites = {
  unit: mocha('--timeout', '20000', 'test/unit/**/*.test.ts'),
  webview: mocha('--timeout', '60000', 'test/e2e/webview/**/*.test.ts'),
  integration: tsx('test/integration/run.ts'),
  vscode: tsx('test/e2e/vscode/run.ts'),
};
const needsBrowser = new Set(['webview', 'integration', 'vscode']);

const wanted = process.argv.slice(2);
const isWanted = (name) => wanted.length === 0 || wanted.includes(name);
const folder = mkdtempSync(path.join(tmpdir(), 'vram-lens-test-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const results = [];
if (isWanted('checks')) {
  for (const [name, commands] of Object.entries(checks)) {
    const codes = [];
    for (const [tool, ...args] of commands) codes.push(await run(name, [bin(tool), ...args], {}));
    const failed = codes.some((c) => c !== 0);
    results.push({ name, passes: failed ? 0 : 1, failures: failed ? 1 : 0, pending: 0 });
  }
}
build('--tests');
const chosen = Object.keys(suites).filter(isWanted);
if (chosen.some((s) => needsBrowser.has(s))) runOrExit(...split(tsx('test/support/setup-vscode.ts')));
for (const name of chosen) results.push(await suite(name));

console.log('');
for (const r of results)
  console.log(
    `${r.name.padEnd(12)} ${r.passes} passed, ${r.failures} failed${r.pending ? `, ${r.pending} pending` : ''}`,
  );
const total = (key) => results.reduce((sum, r) => sum + r[key], 0);
console.log(`${total('passes')} passed, ${total('failures')} failed`);
process.exitCode = total('failures') === 0 && total('passes') > 0 ? 0 : 1;

async function suite(name) {
  const summary = path.join(folder, `${name}.json`);
  const code = await run(name, suites[name], { SUITE_SUMMARY: summary });
  try {
    const { passes, failures, pending = 0 } = JSON.parse(readFileSync(summary, 'utf8'));
    // A suite that ends badly without a failed test (a crash, nothing run) has failed all the same.
    return { name, passes, failures: failures || (code === 0 && passes > 0 ? 0 : 1), pending };
  } catch {
    return { name, passes: 0, failures: 1, pending: 0 };
  }
}

function run(name, [command, ...args], env) {
  console.log(`\n── ${name}: ${[path.basename(command), ...args].join(' ')}`);
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
    child.once('error', (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

function split([command, ...args]) {
  return [command, args];
}
