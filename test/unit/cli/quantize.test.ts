/** Quantizing on the command line, and what it does to the answers of a model. */
import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import type { CheckReport } from '../../../src/runtime/index.ts';
import { long, type Transformed } from './answers.ts';
import { articleData, articleModel } from './article.ts';
import { CommandLine } from './command-line.ts';

describe("the article's network on the command line", function () {
  this.timeout(long);
  const cli = new CommandLine();
  before(async () => {
    await cli.save('article.onnx', articleModel());
    await cli.write('data.npz', articleData(48));
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
});
