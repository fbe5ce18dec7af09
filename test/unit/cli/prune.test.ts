/** Pruning on the command line, and what it does to the answers of a model. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { openModel, readTensor, type Model } from '../../../src/onnx/index.ts';
import type { CheckReport } from '../../../src/runtime/index.ts';
import { long, type Transformed } from './answers.ts';
import { articleData, articleModel } from './article.ts';
import { CommandLine, root } from './command-line.ts';

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
