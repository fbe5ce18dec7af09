/**
 * Entry: browser tests of the extension in a real VS Code. One server and one page for each file of this folder;
 * screenshots go to `.cache/screenshots`. Ends with `N passed, N failed`.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import Mocha from 'mocha';

const folder = import.meta.dirname;
const grep = process.env['TEST_GREP'] ?? '';
const mocha = new Mocha({
  timeout: 180_000,
  retries: 1, // as .mocharc.json
  reporter: path.resolve(folder, '../../support/reporter.cjs'),
  ...(grep === '' ? {} : { grep }),
});
for (const file of readdirSync(folder)) if (file.endsWith('.test.ts')) mocha.addFile(path.join(folder, file));
await mocha.loadFilesAsync();
const failures = await new Promise<number>((resolve) => {
  const runner = mocha.run(resolve);
  runner.once('end', () => {
    const { passes, failures: failed } = runner.stats ?? { passes: 0, failures: 1 };
    console.log(`${passes} passed, ${failed} failed`);
    if (passes === 0) process.exitCode = 1;
  });
});
process.exit(failures === 0 ? (process.exitCode ?? 0) : 1);
