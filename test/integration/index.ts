/**
 * What VS Code calls inside its extension host (`extensionTestsPath`): runs every `*.test.ts` of this folder with
 * mocha and writes a report to $VRAM_LENS_REPORT.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Mocha from 'mocha';

export interface Report {
  readonly passes: number;
  readonly failures: number;
  readonly pending: number;
  readonly tests: readonly {
    readonly title: string;
    readonly state: 'passed' | 'failed' | 'pending' | 'retried';
    readonly durationMs: number;
    readonly error?: string;
  }[];
}

/** @throws Error where a test fails: VS Code ends with an error code then. */
export async function run(): Promise<void> {
  const grep = process.env['TEST_GREP'] ?? '';
  // second tries as .mocharc.json
  const mocha = new Mocha({ ui: 'bdd', timeout: 120_000, retries: 1, ...(grep === '' ? {} : { grep }) });
  // `describe` and `it` as globals
  mocha.suite.emit('pre-require', globalThis, '', mocha);
  // bundled: the folder is read where the sources lie, the modules are those the bundler found by the same pattern
  const sources = path.resolve(import.meta.dirname, '../../test/integration');
  const names = readdirSync(sources).filter((f) => f.endsWith('.test.ts'));
  for (const name of names) await import(`./${name.slice(0, -'.test.ts'.length)}.test.ts`);
  const report = await runAll(mocha);
  const file = process.env['VRAM_LENS_REPORT'];
  if (file !== undefined) writeFileSync(file, JSON.stringify(report));
  if (report.failures > 0 || report.passes === 0) throw new Error(`${report.failures} of the tests failed`);
}

function runAll(mocha: Mocha): Promise<Report> {
  const tests: Report['tests'][number][] = [];
  return new Promise((resolve) => {
    const runner = mocha.run((failures) => {
      const count = (state: string): number => tests.filter((t) => t.state === state).length;
      resolve({ passes: count('passed'), failures, pending: count('pending'), tests });
    });
    const add = (test: Mocha.Runnable, state: Report['tests'][number]['state'], error?: Error): void => {
      const { duration = 0 } = test;
      tests.push({
        title: test.fullTitle(),
        state,
        durationMs: duration,
        ...(error === undefined ? {} : { error: error.stack ?? error.message }),
      });
    };
    runner.on('pass', (t) => add(t, 'passed'));
    runner.on('pending', (t) => add(t, 'pending'));
    runner.on('retry', (t: Mocha.Runnable, e: Error) => add(t, 'retried', e));
    runner.on('fail', (t: Mocha.Runnable, e: Error) => add(t, 'failed', e));
  });
}
