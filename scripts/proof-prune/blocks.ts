/** Accuracy on labelled data without one residual block: each of them, with what both importances say of it. */
import { blockInfluences } from '../../src/block-influence.ts';
import { openModel } from '../../src/onnx/index.ts';
import type { Runner } from '../../src/runtime/index.ts';
import { blockStrengths, residualBlocks } from '../../src/transforms/index.ts';
import { prunedAccuracy, type Network } from './accuracy.ts';

export async function blockTable(runner: Runner, networks: readonly Network[]): Promise<void> {
  console.log('\n| network | block gone | weights | influence | top-1 before | after | parameters left |');
  console.log('|---|---|---|---|---|---|---|');
  for (const network of networks) {
    const model = await openModel(network.file);
    const blocks = residualBlocks(model);
    const strengths = await blockStrengths(model);
    const data = { path: network.calibration, samples: 256, batchSize: 64 };
    const options = { runner: () => runner, ep: 'cpu', dims: {} } as const;
    const influences = await blockInfluences(model, data, '/', options);
    await model.source.close();
    for (const { id } of blocks) {
      const o = await prunedAccuracy(runner, network, { type: 'prune-blocks', layers: { nodes: [id] } });
      const [strength, influence] = [strengths, influences].map((m) => (m.get(id) ?? NaN).toFixed(3));
      const left = `${((100 * o.parameterBytes[1]) / o.parameterBytes[0]).toFixed(1)} %`;
      console.log(`| ${[network.name, id, strength, influence, o.original, o.accuracy, left].join(' | ')} |`);
    }
  }
}
