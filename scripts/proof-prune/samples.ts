/** Accuracy by how many samples repair may see. */
import type { Runner } from '../../src/runtime/index.ts';
import type { ChannelRepair } from '../../src/transforms/index.ts';
import { channels } from '../../test/unit/transforms/prune/zeroed.ts';
import { prunedAccuracy, type Network } from './accuracy.ts';

const SAMPLES = [4, 8, 16, 32, 64, 256];
const REPAIRS: readonly ChannelRepair[] = ['none', 'bias', 'least-squares'];

/** Channels by l1, so that the data matter to repair alone. */
export async function sampleTable(runner: Runner, networks: readonly Network[]): Promise<void> {
  const head = ['network', 'gone', 'repair', ...SAMPLES.map((n) => `${n} samples`)];
  console.log(`\n| ${head.join(' | ')} |\n|${'---|'.repeat(head.length)}`);
  for (const network of networks)
    for (const ratio of [0.25, 0.5])
      for (const repair of REPAIRS) {
        const cells: number[] = [];
        for (const samples of repair === 'none' ? SAMPLES.slice(-1) : SAMPLES)
          cells.push(
            (
              await prunedAccuracy(runner, network, channels({ ratio, repair, importance: 'l1' }), {
                samples,
              })
            ).accuracy,
          );
        const row = repair === 'none' ? SAMPLES.map(() => cells[0] ?? NaN) : cells;
        console.log(`| ${[network.name, `${100 * ratio} %`, repair, ...row].join(' | ')} |`);
      }
}
