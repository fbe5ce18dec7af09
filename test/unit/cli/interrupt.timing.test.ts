/** Ctrl-C at a chosen moment. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataType } from '../../../src/onnx/index.ts';
import { graph, model, node, tensor, value } from '../../support/model-builder.ts';
import { CommandLine } from './command-line.ts';

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
