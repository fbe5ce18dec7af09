/** Repair by least squares on few samples: what does not help on those held out is not taken, and it is said. */
import assert from 'node:assert/strict';
import * as ort from 'onnxruntime-node';
import type { CalibrationData } from '../../../../src/transforms/index.ts';
import type { ChannelRepair } from '../../../../src/transforms/recipe/prune-channels.ts';
import { floats } from '../../../support/model-builder.ts';
import { TestFolder } from '../../runtime/numpy-files.ts';
import { Workers } from '../../runtime/worker-bundle.ts';
import { Net } from './net.ts';
import { squared, withData, type Case } from './repair-cases.ts';
import { channels, run } from './zeroed.ts';

const WIDTH = 24;
/** Nothing of it follows from the rest. */
function drawn(rows: number, seed: number): { x: ort.Tensor } {
  const values = Float32Array.from({ length: rows * WIDTH }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return (seed >>> 8) / 2 ** 23 - 1;
  });
  return { x: new ort.Tensor('float32', values, [rows, WIDTH]) };
}
const [few, others] = [drawn(10, 1), drawn(400, 2)];

/** A hidden channel for each input: those that go have nothing in common with those that stay. */
function apart(): Case {
  const net = new Net();
  const own = Array.from({ length: WIDTH ** 2 }, (_, i) =>
    i % (WIDTH + 1) === 0 ? (i < WIDTH ** 2 / 2 ? 2 : 1) : 0,
  );
  net.tensors.push(floats('first.w', [WIDTH, WIDTH], own));
  net.op('MatMul', ['x', 'first.w'], 'first');
  const y = net.gemm('first', 'second', [WIDTH, 3]);
  return { model: net.build({ x: ['n', WIDTH] }, y), input: few };
}

/** Two layers, of whose hidden channels several tell the same. */
function together(): Case {
  const net = new Net();
  const hidden = net.relu(net.gemm('x', 'first', [WIDTH, 2 * WIDTH]));
  const y = net.gemm(hidden, 'second', [2 * WIDTH, 3]);
  return { model: net.build({ x: ['n', WIDTH] }, y), input: drawn(300, 3) };
}

describe('repair by least squares on few samples', function () {
  this.timeout(60_000);
  const workers = new Workers();
  const folder = new TestFolder();
  const edit = (repair: ChannelRepair) => channels({ layers: { nodes: ['first'] }, repair });

  async function outputs(
    of: Case,
    repair: ChannelRepair,
    data: Partial<CalibrationData>,
  ): Promise<{ y: ort.Tensor; warnings: readonly string[] }> {
    return withData(
      of,
      [edit(repair)],
      async (changed, warnings) => ({ y: Object.values(await run(changed, others))[0]!, warnings }),
      { folder, runner: () => workers.shared, data },
    );
  }

  it('takes none that would be worse than none on others, and says so', async () => {
    const of = apart();
    const [before] = Object.values(await run(of.model, others));
    const [none, fitted] = [
      await outputs(of, 'none', { samples: 10 }),
      await outputs(of, 'least-squares', { samples: 10 }),
    ];
    const [left, own] = [squared(before!, none.y), squared(before!, fitted.y)];
    assert.ok(own < 1.1 * left, `${own} of ${left}`);
    assert.deepEqual(fitted.warnings, [
      'repair keeps the weights of second: none fitted to some of the samples were better on the others',
    ]);
    assert.deepEqual(none.warnings, []);
  });

  it('is the same however the samples are cut into batches', async () => {
    const of = together();
    const [before] = Object.values(await run(of.model, others));
    const whole = await outputs(of, 'least-squares', { samples: 300, batchSize: 300 });
    const none = await outputs(of, 'none', {});
    assert.ok(squared(before!, whole.y) < 0.5 * squared(before!, none.y));
    for (const batchSize of [1, 7, 64]) {
      const { y, warnings } = await outputs(of, 'least-squares', { samples: 300, batchSize });
      const off = squared(whole.y, y);
      assert.ok(off < 1e-8 * squared(before!, whole.y), `${off} at batch ${batchSize}`);
      assert.deepEqual(warnings, []);
    }
  });
});
