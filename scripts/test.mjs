// `npm test [-- checks unit webview integration vscode]`: sets everything up, runs every suite (or the named ones)
// and closes with one plain line, `N passed, N failed`, summed over all of them.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build, ensureDependencies, ensureNode, root } from './deps.mjs';

ensureNode();
ensureDependencies();

const bin = (name) => path.join(root, 'node_modules', '.bin', name);
/** .mocharc.json has the rest. */
const mocha = (files, ...flags) => [bin('mocha'), ...flags, files];
const tsx = (file) => [process.execPath, '--import=tsx', file];

/** TypeScript 7 checks types; tests of the words in the sources parse them by the JavaScript API of TypeScript 6. */
const typesOf = (project) => [process.execPath, 'node_modules/typescript-7/bin/tsc', '-p', project];
/** Each check counts as one test. */
const checks = {
  lint: [[bin('oxlint'), '-c', 'oxlint.config.mjs', '--deny-warnings']],
  types: ['src', 'extension', 'webview', 'test'].map(typesOf),
  format: [[bin('prettier'), '--check', '--log-level', 'warn', '.']],
};
/** Two files at once (more gain nothing on two cores), then those of how long something takes, alone. */
const inParallel = (folder) => [
  mocha(`${folder}/**/*.test.ts`, '--parallel', '--jobs', '2', '--ignore', '**/*.timing.test.ts'),
  mocha(`${folder}/**/*.timing.test.ts`),
];
/**
 * Each command writes its own figures to $SUITE_SUMMARY. Each test gets a second try, and is named at the end where it
 * needed it: see CONTRIBUTING.md.
 */
const suites = {
  unit: inParallel('test/unit'),
  webview: inParallel('test/e2e/webview'),
  integration: [tsx('test/integration/run.ts')],
  vscode: [tsx('test/e2e/vscode/run.ts')],
};
const needsBrowser = new Set(['webview', 'integration', 'vscode']);

const wanted = process.argv.slice(2);
const isWanted = (name) => wanted.length === 0 || wanted.includes(name);
const folder = mkdtempSync(path.join(tmpdir(), 'vram-lens-test-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const chosen = Object.keys(suites).filter(isWanted);
// it waits for the network where it is not there yet: meanwhile, what needs no browser
const vscodeSetup = chosen.some((s) => needsBrowser.has(s)) ? setUpVscode() : undefined;

const results = [];
const chosenChecks = Object.keys(checks).filter((name) => isWanted('checks') || wanted.includes(name));
if (chosenChecks.length > 0) console.log(`\n── ${chosenChecks.join(', ')} …`);
results.push(...(await Promise.all(chosenChecks.map((name) => timed(check, name)))));
if (chosen.length > 0) build('--tests');
for (const name of chosen) {
  if (needsBrowser.has(name)) (await vscodeSetup)?.();
  results.push(await timed(suite, name));
}

console.log('');
for (const { name, passes, failures, pending, seconds } of results) {
  const skipped = pending ? `, ${pending} pending` : '';
  console.log(`${name.padEnd(12)} ${passes} passed, ${failures} failed${skipped} (${seconds} s)`);
}
// again at the end: of a log, often the last lines alone are kept
const tell = (what, tests, lines) => {
  for (const { title, error } of tests) {
    console.log(`${what}: ${title}\n${error.split('\n').slice(0, lines).join('\n')}`);
  }
};
tell(
  'needed a second try',
  results.flatMap((r) => r.retried ?? []),
  5,
);
tell(
  'failed',
  results.flatMap((r) => r.failed ?? []),
  15,
);
const total = (key) => results.reduce((sum, r) => sum + r[key], 0);
console.log(`${total('passes')} passed, ${total('failures')} failed`);
process.exitCode = total('failures') === 0 && total('passes') > 0 ? 0 : 1;

/** Gives what is to be done where it is needed: to show what was said, and to end where it failed. */
async function setUpVscode() {
  const said = [];
  const command = tsx('test/support/setup-vscode.ts');
  const code = await run(command, { stdio: ['ignore', 'pipe', 'pipe'] }, (chunk) => said.push(chunk));
  return () => {
    process.stdout.write(said.splice(0).join(''));
    if (code !== 0) process.exit(code);
  };
}

async function timed(part, name) {
  const startedMs = Date.now();
  return { ...(await part(name)), seconds: Math.round((Date.now() - startedMs) / 1000) };
}

/** All that the commands of a check say is shown when it is done, since others are under way. */
async function check(name) {
  let isRight = true;
  for (const command of checks[name]) {
    const said = [];
    const code = await run(command, { stdio: ['ignore', 'pipe', 'pipe'] }, (chunk) => said.push(chunk));
    console.log(`\n${heading(name, command)}`);
    process.stdout.write(said.join(''));
    isRight &&= code === 0;
  }
  return { name, passes: isRight ? 1 : 0, failures: isRight ? 0 : 1, pending: 0 };
}

async function suite(name) {
  const sum = { name, passes: 0, failures: 0, pending: 0, retried: [], failed: [] };
  for (const [i, command] of suites[name].entries()) {
    console.log(`\n${heading(name, command)}`);
    const part = await suitePart(command, path.join(folder, `${name}-${i}.json`));
    for (const key of ['passes', 'failures', 'pending']) sum[key] += part[key];
    for (const key of ['retried', 'failed']) sum[key].push(...part[key]);
  }
  return sum;
}

async function suitePart(command, summary) {
  const code = await run(command, { stdio: 'inherit', env: { ...process.env, SUITE_SUMMARY: summary } });
  try {
    const {
      passes,
      failures,
      pending = 0,
      retried = [],
      failed = [],
    } = JSON.parse(readFileSync(summary, 'utf8'));
    // One that ends badly without a failed test (a crash, nothing run) has failed all the same.
    return { passes, failures: failures || (code === 0 && passes > 0 ? 0 : 1), pending, retried, failed };
  } catch {
    return { passes: 0, failures: 1, pending: 0, retried: [], failed: [] };
  }
}

function heading(name, [command, ...args]) {
  return `── ${name}: ${[path.basename(command), ...args].join(' ')}`;
}

/** Resolves with the exit code. */
function run([command, ...args], options, onOutput) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, ...options });
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', onOutput);
    child.once('error', (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.once('close', (code) => resolve(code ?? 1));
  });
}
