/** Networks exported from PyTorch, by both of its exporters: every group against zeroing, beside Torch-Pruning's count. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Tensor } from 'onnxruntime-node';
import { openModel } from '../../src/onnx/index.ts';
import { pruneGroups } from '../../src/transforms/index.ts';
import { channels, compare, feeds, type Feeds } from '../../test/unit/transforms/prune/zeroed.ts';
import { Checker } from './checker.ts';

interface Exported {
  readonly dims: readonly number[];
  readonly ids: boolean;
  /** Or why Torch-Pruning finds none. */
  readonly groups: number | string;
  /** Of the two small networks with shuffles: how many of those are exact. */
  readonly exact?: number;
}

const EXPORTERS = ['torchscript', 'dynamo'] as const;
/** Of 96 tokens. */
function tokens(name: string, dims: readonly number[]): Feeds {
  const count = dims.reduce((n, d) => n * d, 1);
  return {
    [name]: new Tensor(
      'int64',
      BigInt64Array.from({ length: count }, (_, i) => BigInt((i * 37) % 96)),
      dims,
    ),
  };
}

const TOLERANCE = 1e-3;

export async function exportedTable(python: string): Promise<void> {
  const head = [
    'network',
    'exporter',
    'groups',
    'of one piece',
    'approximate',
    'refused',
    'Torch-Pruning',
    'worst difference',
  ];
  console.log(`\n| ${[...head, 'taken by onnx.checker'].join(' | ')} |\n|${'---|'.repeat(head.length + 1)}`);
  const folder = await mkdtemp(path.join(tmpdir(), 'vram-lens-exported-'));
  try {
    const script = path.join(import.meta.dirname, 'exported.py');
    const { stdout } = await promisify(execFile)(python, [script, folder], { maxBuffer: 1e8 });
    const made = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Record<string, Exported>;
    for (const [name, network] of Object.entries(made))
      for (const exporter of EXPORTERS)
        await row(python, path.join(folder, `${name}.${exporter}.onnx`), [name, exporter], network);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function row(
  python: string,
  file: string,
  name: readonly string[],
  { dims, ids: holdsIds, groups: theirs, exact: exactThere }: Exported,
): Promise<void> {
  const model = await openModel(file);
  const checker = new Checker(python);
  const inputs = holdsIds ? tokens('x', dims) : feeds({ x: dims });
  const all = pruneGroups(model);
  const able = all.filter((g) => g.blocker === undefined && g.approximation === undefined);
  // all channels tied to one another: none can go without the rest
  const exact = able.filter((g) => g.units > 1);
  let worst = 0;
  for (const layer of new Set(exact.map(({ layers }) => layers[0] ?? ''))) {
    const edit = channels({ layers: { nodes: [layer] } });
    const { difference, effect, applied, shapes } = await compare(model, edit, inputs);
    if (!(effect > 1e-6)) throw new Error(`${name.join(', ')}, ${layer}: zeroing changes nothing`);
    if (!(difference <= TOLERANCE)) throw new Error(`${name.join(', ')}, ${layer}: ${difference}`);
    worst = Math.max(worst, difference);
    await checker.add(applied.model, shapes);
  }
  const approximate = all.filter((g) => g.blocker === undefined && g.approximation !== undefined).length;
  const refused = all.flatMap((g) =>
    g.blocker === undefined ? [] : [`${g.layers[0] ?? ''}: ${g.blocker.reason}`],
  );
  await model.source.close();
  const cells = [
    ...name,
    exact.length,
    able.length - exact.length,
    approximate,
    refused.join('; ') || '–',
    exactThere === undefined ? theirs : `${theirs}, of which exact: ${exactThere}`,
    worst.toExponential(1),
  ];
  console.log(`| ${[...cells, await checker.finish()].join(' | ')} |`);
}
