/** What `estimate` says beyond one run: training, the key-value cache, the cards that fit. */
import assert from 'node:assert/strict';
import { floats, graph, model, node, value } from '../../support/model-builder.ts';
import { articleModel, parameters } from './article.ts';
import { CommandLine } from './command-line.ts';

interface Beyond {
  readonly training?: { readonly peak: { readonly bytes: number }; readonly trainableCount: number };
  readonly kvCache?: { readonly bytes: number; readonly sequenceSymbol: string };
  readonly cards?: readonly { readonly memoryBytes: number }[];
  readonly dims: Readonly<Record<string, number>>;
}

describe('estimate, beyond one run', () => {
  const cli = new CommandLine();

  before(async () => {
    await cli.save('article.onnx', articleModel());
    const past = value('past_key_values.0.key', ['batch', 2, 'past', 16]);
    const decoder = graph({
      inputs: [value('x', ['batch', 8]), past],
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
      outputs: [value('y')],
      initializers: [floats('w', [8, 8])],
    });
    await cli.save('decoder.onnx', model(decoder));
  });

  it('tells what training takes, by cause', async () => {
    const { stdout } = await cli.run('estimate', 'article.onnx', '--training', 'sgd', '--dim', 'batch=32');
    for (const line of [/gradients +395 KiB/, /activations kept +138 KiB +batch·4400/, /peak of training/])
      assert.match(stdout, line);
  });

  it('gives it as JSON, with the cards that hold it', async () => {
    const args = ['--training', 'adamw', '--mixed', '--optimizer-bits', '8', '--cards'];
    const { training, cards } = await cli.json<Beyond>('estimate', 'article.onnx', ...args);
    assert.equal(training?.trainableCount, parameters);
    assert.equal(cards?.[0]?.memoryBytes, 4 * 2 ** 30);
  });

  it('counts the key-value cache at a number of tokens', async () => {
    const { kvCache, dims } = await cli.json<Beyond>('estimate', 'decoder.onnx', '--seq', '1000');
    assert.equal(kvCache?.bytes, 2 * 16 * 4 * 1000);
    assert.equal(dims['past'], 1000);
    assert.match((await cli.run('estimate', 'decoder.onnx')).stdout, /key-value cache.*\n.*batch·past·128/);
  });

  for (const [args, complaint] of [
    [['--training', 'adagrad'], /unknown optimizer "adagrad": expected one of sgd/],
    [['--mixed'], /--mixed goes with --training/],
    [['--training', 'adam', '--optimizer-bits', '16'], /--optimizer-bits expects 32 or 8/],
    [['--training', 'adam', '--checkpointing', '0'], /--checkpointing: expected a whole number/],
    [['--seq', '9'], /--seq: the model has no key-value cache/],
  ] as const)
    it(`refuses ${args.join(' ')}`, async () => {
      const { code, stderr } = await cli.run('estimate', 'article.onnx', ...args);
      assert.equal(code, 2);
      assert.match(stderr, complaint);
    });
});
