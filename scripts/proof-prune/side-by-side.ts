/** Beside Torch-Pruning: groups found, and top-1 at the same ratios without training. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { openModel } from '../../src/onnx/index.ts';
import type { Runner } from '../../src/runtime/index.ts';
import { pruneGroups } from '../../src/transforms/index.ts';
import { channels } from '../../test/unit/transforms/prune/zeroed.ts';
import { NETWORKS, prunedAccuracy, type Network } from './accuracy.ts';

const RATIOS = [0.25, 0.5, 0.75];
/** Of networks whose residual stream goes as well, as `side_by_side.py` names them. */
const APPROXIMATE = ', approximate';
type Change = Parameters<typeof channels>[0];
/** What is compared here, by column. */
const WAYS: readonly (readonly [name: string, edit: Change])[] = [
  ['expected, no repair', { importance: 'expected' }],
  ['l1, no repair', {}],
  ['expected, least squares', { importance: 'expected', repair: 'least-squares' }],
  ['activation, least squares', { importance: 'activation', repair: 'least-squares' }],
  ['reconstruction, least squares', { importance: 'reconstruction', repair: 'least-squares' }],
];

interface After {
  readonly accuracy?: number;
  /** Share of the parameters. */
  readonly left?: number;
  readonly error?: string;
}

interface Found {
  readonly groups: number;
  /** By ratio. */
  readonly after?: Readonly<Record<string, After>>;
  /** With one ratio for all groups. */
  readonly global?: Readonly<Record<string, After>>;
}

const percent = (v: number | undefined): string => (v === undefined ? '–' : `${(100 * v).toFixed(1)} %`);

/** What Torch-Pruning finds, and makes of the labelled networks at these ratios. */
async function theirs<T>(
  python: string,
  ratios: readonly number[],
  use: (found: Readonly<Record<string, Found>>, files: readonly string[]) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-torch-'));
  try {
    const script = path.join(import.meta.dirname, 'side_by_side.py');
    const args = [script, folder, ...ratios.map(String)];
    const { stdout } = await promisify(execFile)(python, args, { maxBuffer: 1e8 });
    const found = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Record<string, Found>;
    return await use(
      found,
      (await readdir(folder)).map((f) => path.join(folder, f)),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

export async function groupTable(python: string): Promise<void> {
  await theirs(python, [], async (found, files) => {
    console.log('\n| network | groups here | Torch-Pruning |\n|---|---|---|');
    for (const [name, { groups }] of Object.entries(found)) {
      const isApproximate = name.endsWith(APPROXIMATE);
      const known = NETWORKS.find((n) => n.name === name.replace(APPROXIMATE, ''));
      const file = known?.file ?? files.find((f) => path.basename(f) === `${name}.onnx`) ?? '';
      const model = await openModel(file);
      const able = pruneGroups(model).filter((g) => g.blocker === undefined);
      await model.source.close();
      const own = able.filter((g) => isApproximate || g.approximation === undefined).length;
      console.log(`| ${name} | ${own} | ${groups} |`);
    }
  });
}

/** @param python undefined: without Torch-Pruning's columns */
export async function ratioTable(
  runner: Runner,
  networks: readonly Network[],
  python: string | undefined,
): Promise<void> {
  const found = python === undefined ? {} : await theirs(python, RATIOS, (result) => Promise.resolve(result));
  const head = ['network', 'gone', 'before', 'parameters left', ...WAYS.map(([name]) => name)];
  const whole = [...head, 'Torch-Pruning', 'its parameters left'];
  console.log(`\n| ${whole.join(' | ')} |\n|${'---|'.repeat(whole.length)}`);
  for (const network of networks) {
    await ratioRows(runner, network, found[network.name], {});
    const other = found[`${network.name}${APPROXIMATE}`];
    if (other !== undefined)
      await ratioRows(runner, { ...network, name: `${network.name}${APPROXIMATE}` }, other, {
        approximate: true,
      });
  }
}

async function ratioRows(
  runner: Runner,
  network: Network,
  found: Found | undefined,
  change: Change,
): Promise<void> {
  for (const ratio of RATIOS) {
    const cells: (number | string)[] = [];
    let [before, left]: (number | undefined)[] = [];
    for (const [, way] of WAYS) {
      const o = await prunedAccuracy(runner, network, channels({ ...change, ...way, ratio }));
      cells.push(o.accuracy);
      [before, left] = [o.original, o.parameterBytes[1] / o.parameterBytes[0]];
    }
    const their = found?.after?.[String(ratio)];
    const row = [network.name, percent(ratio), before, percent(left), ...cells];
    console.log(`| ${[...row, their?.accuracy ?? their?.error ?? '–', percent(their?.left)].join(' | ')} |`);
  }
}

/** One ratio for all groups together, beside the same ratio for each. */
export async function globalTable(
  runner: Runner,
  networks: readonly Network[],
  python: string | undefined,
): Promise<void> {
  const found = python === undefined ? {} : await theirs(python, RATIOS, (result) => Promise.resolve(result));
  const head = ['network', 'gone', ...SHARED.flatMap(([name]) => [name, 'one for all']), 'parameters left'];
  const whole = [...head, 'Torch-Pruning, global', 'its parameters left'];
  console.log(`\n| ${whole.join(' | ')} |\n|${'---|'.repeat(whole.length)}`);
  for (const network of networks)
    for (const ratio of RATIOS) {
      const row: (number | string)[] = [network.name, percent(ratio)];
      let left: number | undefined;
      for (const [, way] of SHARED)
        for (const isShared of [false, true]) {
          const o = await prunedAccuracy(runner, network, channels({ ...way, ratio }), { isShared });
          row.push(o.accuracy);
          left = o.parameterBytes[1] / o.parameterBytes[0];
        }
      const their = found[network.name]?.global?.[String(ratio)];
      const last = [percent(left), their?.accuracy ?? their?.error ?? '–', percent(their?.left)];
      console.log(`| ${[...row, ...last].join(' | ')} |`);
    }
}

const SHARED: readonly (readonly [name: string, edit: Change])[] = [
  ['expected, no repair', { importance: 'expected' }],
  ['expected, least squares', { importance: 'expected', repair: 'least-squares' }],
  ['l1, no repair', {}],
  ['l1, least squares', { repair: 'least-squares' }],
];
