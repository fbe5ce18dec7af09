// mocha's spec reporter that also shows why a test was tried again, and writes `{ passes, failures, pending, retried,
// failed }` to $SUITE_SUMMARY, for the closing lines; `retried` (tests whose first try failed) and `failed` are
// `{ title, error }`.
const { writeFileSync } = require('node:fs');
const { reporters, Runner } = require('mocha');

const { EVENT_RUN_END, EVENT_TEST_FAIL, EVENT_TEST_RETRY } = Runner.constants;

const told = (test, error) => ({ title: test.fullTitle(), error: String(error?.stack ?? error) });

module.exports = class extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const retried = [];
    const failed = [];
    runner.on(EVENT_TEST_RETRY, (test, error) => {
      retried.push(told(test, error));
      reporters.Base.consoleLog(`    ↻ ${test.title} is tried again: ${error?.stack ?? error}`);
    });
    runner.on(EVENT_TEST_FAIL, (test, error) => failed.push(told(test, error)));
    runner.once(EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      const file = process.env.SUITE_SUMMARY;
      if (file) writeFileSync(file, JSON.stringify({ passes, failures, pending, retried, failed }));
    });
  }
};
