/** `vram-lens verify`. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { DataType, modelStream, type TensorRef } from '../../../src/onnx/index.ts';
import { collect, graph, model, node, value } from '../../support/model-builder.ts';
import { articleModel } from './article.ts';
import { CommandLine } from './command-line.ts';

describe('a model verified on the command line', function () {
  this.timeout(60_000);
  const cli = new CommandLine();
  const data = new Uint8Array(4096).fill(7);

  const write = async (checksum: string) => {
    const w: TensorRef = {
      name: 'w',
      dataType: DataType.float,
      dims: [1024],
      location: { kind: 'external', path: 'w.bin', offset: 0, length: 4096, checksum },
    };
    const g = graph({ nodes: [node('Relu', ['w'], ['y'])], outputs: [value('y')], initializers: [w] });
    const stream = modelStream(model(g, { opset: 17 }), { keepExternalData: true });
    await cli.write('external.onnx', await collect(stream));
    await cli.write('w.bin', data);
  };

  it('is whole, and says so where it gives no checksums', async () => {
    await cli.save('article.onnx', articleModel());
    const { code, stdout } = await cli.run('verify', 'article.onnx');
    assert.deepEqual(
      [code, stdout],
      [0, '✓ the file is whole; the model gives no checksums of external data\n'],
    );
  });

  it('matches its checksums, or fails naming the file and both', async () => {
    const sha1 = createHash('sha1').update(data).digest('hex');
    await write(sha1);
    assert.match((await cli.run('verify', 'external.onnx')).stdout, /^✓ w\.bin matches its checksum/);
    await write('ab12');
    const { code, stdout } = await cli.run('verify', 'external.onnx');
    assert.equal(code, 2);
    assert.match(stdout, new RegExp(`^✗ w\\.bin has SHA-1 ${sha1}, the model says ab12: it was changed`));
  });

  it('fails where external data are missing', async () => {
    await write('ab12');
    await rm(cli.file('w.bin'));
    const { code, stderr } = await cli.run('verify', 'external.onnx');
    assert.equal(code, 2);
    assert.match(stderr, /external data "w\.bin" are missing/);
  });
});
