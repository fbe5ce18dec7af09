/** Channel pruning on real models: every group of the small ones alone, all groups of the others at once. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { openModel } from '../../../../src/onnx/index.ts';
import { traceModel } from '../../../../src/transforms/prune/channels/edit-plan.ts';
import { fileOf, LARGE, SMALL, type RealModel } from './real.ts';
import { channels, compare } from './zeroed.ts';

/** Deep networks sum in another order: float32 differs from layer to layer. */
const TOLERANCE = 2e-4;

async function check(real: RealModel, isEach: boolean): Promise<void> {
  const model = await openModel(fileOf(real));
  try {
    const { trace, grouping } = traceModel(model);
    const groups = grouping.groups.filter(
      (g) => g.blocker === undefined && g.approximation === undefined && g.makers.length > 0,
    );
    assert.equal(groups.length, real.groups);
    const makers = isEach ? groups.map((g) => [trace.ids.get(g.makers[0]!) ?? '']) : [undefined];
    for (const nodes of makers) {
      const edit = channels({ ratio: real.ratio, ...(nodes === undefined ? {} : { layers: { nodes } }) });
      const { difference, effect, applied } = await compare(model, edit, real.feeds);
      const what = `${real.file} ${nodes?.[0] ?? 'all'}`;
      assert.ok(difference < TOLERANCE, `${what} differs by ${difference}`);
      assert.ok(effect > 1e-4, `${what}: zeroing changes nothing`);
      assert.ok(
        applied.changes.some((c) => c.afterBytes < c.beforeBytes),
        what,
      );
    }
  } finally {
    await model.source.close();
  }
}

describe('removed channels of real models', function () {
  this.timeout(60_000);
  for (const real of SMALL) it(`${path.basename(real.file)}, group by group`, () => check(real, true));
  for (const real of LARGE) it(`${path.basename(real.file)}, all groups`, () => check(real, false));
});
