/**
 * The peaks of a transformer's layers of single operators, as PyTorch exports them, with shapes computed from shapes,
 * against ONNX Runtime's: of fixed sizes all of that is folded, and products with weights become Gemm.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { analyze } from '../../../src/analysis/index.ts';
import { openModel, saveModel, type Model } from '../../../src/onnx/index.ts';
import { graph, int64s, model, value } from '../../support/model-builder.ts';
import { inTemporaryFolder } from '../../support/onnx-files.ts';
import { Workers } from '../runtime/worker-bundle.ts';
import { Layers } from './decoders.ts';

const words = 12;
const hidden = 48;

function encoder(batch: number | string): Model {
  const d = new Layers();
  d.weights.push(
    ...Object.entries({ zero: [0], two: [2], heads: [4, -1], rest: [-1] }).map(([n, c]) =>
      int64s(n, [c.length], c),
    ),
  );
  const linear = (from: string, to: string, outputs: number, inputs = hidden): string => {
    d.linear(from, `${to}.product`, inputs, outputs);
    d.add('Add', [d.weight(`${to}.bias`, outputs), `${to}.product`], [to]);
    return to;
  };
  const norm = (from: string, to: string): string => {
    d.add(
      'LayerNormalization',
      [from, d.weight(`${to}.scale`, hidden), d.weight(`${to}.bias`, hidden)],
      [to],
    );
    return to;
  };
  /** The first two sizes of `from`, and `more`. */
  const reshaped = (from: string, more: string): string => {
    d.add('Shape', [from], [`${from}.shape`]);
    d.add('Slice', [`${from}.shape`, 'zero', 'two'], [`${from}.two`]);
    d.add('Concat', [`${from}.two`, more], [`${from}.sizes`], { axis: 0 });
    d.add('Reshape', [from, `${from}.sizes`], [`${from}.reshaped`]);
    return `${from}.reshaped`;
  };
  const split = (name: string, x: string, perm: readonly number[]): string => {
    d.add('Transpose', [reshaped(linear(x, name, hidden), 'heads')], [`${name}.heads`], { perm });
    return `${name}.heads`;
  };
  let x = 'x';
  for (const layer of ['a', 'b']) {
    const normed = norm(x, `${layer}.norm`);
    const [q, k] = [split(`${layer}.q`, normed, [0, 2, 1, 3]), split(`${layer}.k`, normed, [0, 2, 3, 1])];
    d.add('MatMul', [q, k], [`${layer}.scores`]);
    d.add('Softmax', [`${layer}.scores`], [`${layer}.shares`], { axis: -1 });
    d.add('MatMul', [`${layer}.shares`, split(`${layer}.v`, normed, [0, 2, 1, 3])], [`${layer}.mixed`]);
    d.add('Transpose', [`${layer}.mixed`], [`${layer}.joined`], { perm: [0, 2, 1, 3] });
    d.add('Add', [linear(reshaped(`${layer}.joined`, 'rest'), `${layer}.out`, hidden), x], [`${layer}.sum`]);
    const up = linear(norm(`${layer}.sum`, `${layer}.second`), `${layer}.up`, 4 * hidden);
    d.add('Gelu', [up], [`${layer}.gelu`]);
    const down = linear(`${layer}.gelu`, `${layer}.down`, hidden, 4 * hidden);
    d.add('Add', [`${layer}.sum`, down], [`${layer}.end`]);
    x = `${layer}.end`;
  }
  const sizes = [batch, words, hidden];
  const inputs = [value('x', sizes)];
  return model(
    graph({ inputs, nodes: d.nodes, outputs: [value(norm(x, 'y'), sizes)], initializers: d.weights }),
    { opsets: { '': 20 } },
  );
}

describe('the memory of a transformer of single operators', function () {
  this.timeout(120_000);
  const workers = new Workers();

  for (const [name, size] of [
    ['fixed', 16],
    ['computed', 'batch'],
  ] as const)
    for (const optimization of ['disabled', 'all'] as const)
      it(`is that of one whose sizes are ${name}, optimization ${optimization}`, async () => {
        await inTemporaryFolder(async (folder) => {
          const file = path.join(folder, 'encoder.onnx');
          await saveModel(encoder(size), file);
          const opened = await openModel(file);
          const at = { dims: { batch: 16 }, optimization };
          const { totalPeak, repeatedPeakBytes } = analyze(opened).estimate({ ...at, isRepeated: true });
          await opened.source.close();
          const { memInUsePeakBytes } = await workers.shared.profile(file, { ...at, runs: 2 });
          for (const [i, predicted] of [totalPeak.bytes, repeatedPeakBytes].entries()) {
            const measured = memInUsePeakBytes[i] ?? NaN;
            // a few shapes of 24 bytes
            assert.ok(Math.abs((predicted ?? NaN) / measured - 1) < 0.001, `${measured}, ${predicted}`);
          }
        });
      });
});
