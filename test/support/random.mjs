// Random tests draw the same cases every time, so that what fails is what was changed. `RANDOM_SEED=any` (or a number)
// draws others, and looks for the smallest case that fails.
import fc from 'fast-check';

const { RANDOM_SEED } = process.env;
if (RANDOM_SEED === undefined) fc.configureGlobal({ seed: 1, endOnFailure: true });
else if (RANDOM_SEED !== 'any') fc.configureGlobal({ seed: Number(RANDOM_SEED) });
