// Random tests draw the same cases every time, so that what fails is what was changed. `RANDOM_SEED=any` (or a number)
// draws others, and looks for the smallest case that fails.
import { createRequire } from 'node:module';
import fc from 'fast-check';

// mocha requires the tests, which gives them a build of their own, with settings of its own
const builds = [fc, createRequire(import.meta.url)('fast-check')];
const { RANDOM_SEED } = process.env;
for (const { configureGlobal } of builds) {
  if (RANDOM_SEED === undefined) configureGlobal({ seed: 1, endOnFailure: true });
  else if (RANDOM_SEED !== 'any') configureGlobal({ seed: Number(RANDOM_SEED) });
}
