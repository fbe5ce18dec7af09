// mocha's spec reporter that also writes `{ passes, failures, pending }` to $SUITE_SUMMARY, for the one closing line.
const { writeFileSync } = require('node:fs');
const { reporters, Runner } = require('mocha');

module.exports = class extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      const file = process.env.SUITE_SUMMARY;
      if (file) writeFileSync(file, JSON.stringify({ passes, failures, pending }));
    });
  }
};
