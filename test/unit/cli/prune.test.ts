/** Pruning on the command line, and what it does to the answers of a model. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { openModel, readTensor, type Model } from '../../../src/onnx/index.ts';
import type { CheckReport } from '../../../src/runtime/index.ts';
import { npy, npz } from '../runtime/numpy-files.ts';
import { long, type Transformed } from './answers.ts';
import { articleData, articleModel } from './article.ts';
import { CommandLine, root } from './command-line.ts';

describe('a model with states on the command line', function () {
  this.timeout(2 * long);
  const cli = new CommandLine();
  const silero = path.join(root, 'node_modules/@ricky0123/vad-web/dist/silero_vad_legacy.onnx');
  const wave = (n: number) =>
    Float32Array.from({ length: n * 1536 }, (_, i) => Math.sin(i * 0.05 + (i >> 9)) / 4);
  const arrays = (n: number) => ({
    input: npy(wave(n), { shape: [n, 1536] }),
    sr: npy(BigInt64Array.of(16000n), { descr: '<i8', shape: [] }),
  });
  const states = (n: number) =>
    npy(
      Float32Array.from({ length: 2 * n * 64 }, (_, i) => Math.cos(i) / 8),
      { shape: [2, n, 64] },
    );
  before(async () => {
    await cli.write('zeros.npz', npz(arrays(6)));
    await cli.write('states.npz', npz({ ...arrays(6), h: states(6), c: states(6) }));
  });

  /** dB of the next state. */
  async function pruned(data: string, repair: string, unreached: number, layers = '**'): Promise<number> {
    const edit = ['--structured', '--ratio', '0.25', '--repair', repair, '--calibration', data];
    const { warnings } = await cli.json<Transformed>(
      ...['prune', silero, '-o', 'small.onnx', '--layers', layers, ...edit],
    );
    const left = warnings.filter((w) => /no sample of the calibration data reaches it/.test(w.message));
    assert.equal(left.length, unreached);
    const report = await cli.json<CheckReport>('check', silero, 'small.onnx', '--data', data, '--batch', '3');
    assert.match(JSON.stringify(report), /6 samples/);
    return report.batches[0]?.outputs.find((o) => o.output === 'hn')?.sqnrDb ?? NaN;
  }

  it('is repaired and checked where the states lie along axis 1', async () => {
    const bare = await pruned('states.npz', 'none', 0);
    // of the branch for 8 kHz
    const repaired = await pruned('states.npz', 'least-squares', 12);
    assert.ok(repaired > bare + 3, `${repaired} dB, ${bare} dB without`);
  });

  it('is repaired and checked where there are none: they begin as zeros', async () => {
    const layers = 'If_25/then_branch/Conv_1[34]*';
    assert.ok((await pruned('zeros.npz', 'least-squares', 0, layers)) > 3);
  });

  it('says what is wrong with a batch axis', async () => {
    const failed = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await cli.run(...args);
      assert.notEqual(code, 0);
      return (stdout + stderr).replaceAll(/\s+/g, ' ');
    };
    const check = async (...more: string[]) =>
      failed('check', silero, silero, '--data', 'states.npz', ...more);
    assert.match(
      await check('--batch-axis', 'h=x'),
      /--batch-axis expects input=axis or input=none, got "h=x"/,
    );
    assert.match(await check('--batch-axis', 'h=7'), /Input "h" has 3 dims and no axis 7 for its batch/);
    const prune = await failed('prune', silero, '-o', 'out.onnx', '--batch-axis', 'h=1');
    assert.match(prune, /--map and --batch-axis say how the data of --calibration are read/);
  });
});

describe("the article's network on the command line", function () {
  this.timeout(long);
  const cli = new CommandLine();
  before(async () => {
    await cli.save('article.onnx', articleModel());
    await cli.write('data.npz', articleData(48));
  });

  it('is pruned: half of the weights are zero, the shapes stay, and that saves nothing', async () => {
    const json = await cli.json<Transformed>('prune', 'article.onnx', '-o', 'pruned.onnx', '--ratio', '0.5');
    assert.ok(Math.abs(json.fileBytes.after - json.fileBytes.before) < 1000);
    assert.ok(json.warnings.some((w) => w.code === 'no-dense-saving'));
    const pruned = await openModel(cli.file('pruned.onnx'));
    assert.deepEqual(await zeroShare(pruned, 'fc1.weight'), 0.5);
    assert.deepEqual(await zeroShare(pruned, 'fc2.weight'), 0.5);
    assert.ok((await zeroShare(pruned, 'fc1.bias')) < 0.1);
    await pruned.source.close();
    const report = await cli.json<CheckReport>('check', 'article.onnx', 'pruned.onnx', '--data', 'data.npz');
    // the smaller half of uniform weights holds an eighth of their squares: about 9 dB
    const sqnr = report.batches[0]?.outputs[0]?.sqnrDb ?? 0;
    assert.ok(sqnr > 5 && sqnr < 13, `${sqnr} dB`);
    const lines = (await cli.run('prune', 'article.onnx', '-o', 'pruned.onnx', '--bias')).stdout;
    assert.match(lines, /\/fc1\/Gemm +391 KiB +391 KiB +50 % zeroed/);
    assert.match(lines, /the memory at run time stay as large/);
  });

  it('loses half of its neurons, and gets smaller by what they weigh', async () => {
    const json = await cli.json<Transformed>(
      ...['prune', 'article.onnx', '-o', 'narrow.onnx', '--structured', '--ratio', '0.5'],
      ...['--repair', 'least-squares', '--calibration', 'data.npz'],
    );
    assert.ok(json.fileBytes.after < 0.55 * json.fileBytes.before);
    const narrow = await openModel(cli.file('narrow.onnx'));
    const wide = await openModel(cli.file('article.onnx'));
    const rows = (m: typeof wide, name: string) => m.graph.initializers.get(name)?.dims[0] ?? 0;
    assert.equal(rows(narrow, 'fc1.weight'), rows(wide, 'fc1.weight') / 2);
    assert.equal(rows(narrow, 'fc2.weight'), rows(wide, 'fc2.weight'));
    await Promise.all([narrow, wide].map((m) => m.source.close()));
    const report = await cli.json<CheckReport>('check', 'article.onnx', 'narrow.onnx', '--data', 'data.npz');
    const [output] = report.batches[0]?.outputs ?? [];
    assert.ok((output?.cosine ?? 0) > 0.8, `cosine ${output?.cosine}`);
    const lines = (await cli.run('prune', 'article.onnx', '-o', 'narrow.onnx', '--structured')).stdout;
    assert.match(lines, /^peak in all on cpu, batch 1 {2}\S+ KiB → \S+ KiB \(−[45]\d/m);
    assert.match(lines, /^MACs {2}\S+ K → \S+ K \(−[45]\d/m);
    const zeros = (await cli.run('prune', 'article.onnx', '-o', 'narrow.onnx')).stdout;
    assert.doesNotMatch(zeros, /MACs|peak/);
  });

  it('loses channels by one ratio for all groups, by weights and by data', async () => {
    const model = path.join(root, 'test/fixtures/models/fmnist_mobres.onnx');
    const data = path.join(root, 'test/fixtures/models/fmnist-calib-256.npz');
    // three groups: of 24, 48 and 96 channels
    const channels: Record<string, number> = {
      '/stem/stem.0/Conv': 24,
      '/bl/bl.1/b/Conv': 48,
      '/bl/bl.3/b/Conv': 96,
    };
    for (const more of [[], ['--method', 'activation', '--calibration', data, '--samples', '32']]) {
      const args = ['--structured', '--global', '--ratio', '0.5', '--max-ratio', '0.75', ...more];
      await cli.json<Transformed>(
        ...['prune', model, '-o', 'global.onnx', '--write-recipe', 'global.json', ...args],
      );
      const { edits } = JSON.parse(await readFile(cli.file('global.json'), 'utf8')) as {
        edits: { ratio: number; ratios: Record<string, number> }[];
      };
      const ratios = Object.entries(edits[0]?.ratios ?? {});
      assert.equal(ratios.length, 3);
      const gone = ratios.reduce((sum, [id, ratio]) => sum + ratio * (channels[id] ?? NaN), 0);
      assert.ok(Math.abs(gone - 84) < 1, `${gone} of 168`);
      assert.ok(ratios.every(([, ratio]) => ratio <= 0.75) && new Set(ratios.map(([, r]) => r)).size > 1);
      // the recipe alone gives the same
      await cli.json('quantize', model, '-o', 'again.onnx', '--recipe', cli.file('global.json'));
      const [once, again] = await Promise.all(
        ['global.onnx', 'again.onnx'].map((name) => readFile(cli.file(name))),
      );
      assert.ok(once?.equals(again!));
      const small = await openModel(cli.file('global.onnx'));
      const stem = [...small.graph.initializers.values()].find((t) => t.dims.length === 4 && t.dims[1] === 1);
      assert.equal(stem?.dims[0], 24 - Math.round(24 * (edits[0]?.ratios['/stem/stem.0/Conv'] ?? NaN)));
      await small.source.close();
    }
    const { stderr } = await cli.run('prune', model, '-o', 'x.onnx', '--structured', '--max-ratio', '0.5');
    assert.match(stderr, /--max-ratio goes with --structured --global/);
  });

  it('loses the residual blocks that matter least, or those that are named', async () => {
    const [model, out] = [path.join(root, 'test/fixtures/models/fmnist_mobres.onnx'), 'fewer.onnx'];
    const data = path.join(root, 'test/fixtures/models/fmnist-calib-256.npz');
    const blocks = ['/bl/bl.0/Add', '/bl/bl.2/Add', '/bl/bl.4/Add'];
    const gone = async (...args: string[]): Promise<string[]> => {
      const { changes } = await cli.json<Transformed>('prune', model, '-o', out, ...args);
      return changes.flatMap((c) => (blocks.includes(c.node) && c.status === 'applied' ? [c.node] : []));
    };
    assert.equal((await gone('--blocks', '2')).length, 2);
    assert.equal((await gone('--blocks', '1', '--calibration', data, '--samples', '32')).length, 1);
    assert.deepEqual(await gone('--blocks', '/bl/bl.{0,4}/*'), ['/bl/bl.0/Add', '/bl/bl.4/Add']);
    const report = await cli.json<CheckReport>('check', model, out, '--data', data);
    const [batch] = report.batches;
    const cosine = batch?.outputs[0]?.cosine ?? 0;
    assert.ok(batch?.error === undefined && cosine > 0 && cosine < 0.999, `cosine ${cosine}`);
    const { stderr } = await cli.run('prune', model, '-o', out, '--blocks', '4');
    assert.match(stderr, /the model has 3 residual blocks that can go/);
    assert.match(
      (await cli.run('prune', model, '-o', out, '--blocks', '1', '--ratio', '0.5')).stderr,
      /--ratio/,
    );
  });

  it('is pruned at random as the seed says', async () => {
    const seeds = { a: '7', b: '7', c: '8' };
    await Promise.all(
      Object.entries(seeds).map(([name, seed]) =>
        cli.run('prune', 'article.onnx', '-o', `${name}.onnx`, '--method', 'random', '--seed', seed),
      ),
    );
    const [a, b, c] = await Promise.all(Object.keys(seeds).map((n) => readFile(cli.file(`${n}.onnx`))));
    assert.ok(a!.equals(b!));
    assert.ok(!a!.equals(c!));
  });
});

async function zeroShare(m: Model, name: string): Promise<number> {
  const ref = m.graph.initializers.get(name)!;
  const bytes = Uint8Array.from(await readTensor(m, ref));
  const values = new Float32Array(bytes.buffer);
  return values.filter((v) => v === 0).length / values.length;
}
