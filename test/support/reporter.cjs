// mocha's spec reporter that also shows why a test was tried again, and writes `{ passes, failures, pending, retried }`
// to $SUITE_SUMMARY, for the closing lines. `retried` are the titles of tests whose first try failed.
const { writeFileSync } = require('node:fs');
const { reporters, Runner } = require('mocha');

const { EVENT_RUN_END, EVENT_TEST_RETRY } = Runner.constants;

module.exports = class extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const retried = [];
    runner.on(EVENT_TEST_RETRY, (test, error) => {
      retried.push(test.fullTitle());
      reporters.Base.consoleLog(`    ↻ ${test.title} is tried again: ${error?.stack ?? error}`);
    });
    runner.once(EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      const file = process.env.SUITE_SUMMARY;
      if (file) writeFileSync(file, JSON.stringify({ passes, failures, pending, retried }));
    });
  }
};
