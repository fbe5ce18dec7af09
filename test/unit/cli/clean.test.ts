/** Initializers that do nothing, on the command line. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { DataType, type LocalFunction } from '../../../src/onnx/index.ts';
import { bytesOf, floats, graph, model, node, ramp, tensor, value } from '../../support/model-builder.ts';
import { long, type Transformed } from './answers.ts';
import { CommandLine } from './command-line.ts';

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

  it('are made float32 where they are float64', async () => {
    const wide = tensor('w', DataType.double, [64, 64], bytesOf(Float64Array.from(ramp(4096))));
    const g = graph({
      inputs: [value('x', ['batch', 64], DataType.double)],
      outputs: [value('y', ['batch', 64], DataType.double)],
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
      initializers: [wide],
    });
    await cli.save('wide.onnx', model(g));
    const { code, stdout } = await cli.run('clean', 'wide.onnx', '-o', 'narrow.onnx', '--narrow');
    assert.equal(code, 0);
    assert.match(stdout, /^w +32\.0 KiB +float32: 16\.0 KiB$/m);
    const again = await cli.run('clean', 'narrow.onnx', '-o', 'twice.onnx', '--narrow');
    assert.equal(again.code, 2);
    assert.match(again.stderr, /nothing to clean; asked for: float64 to float32/);
  });

  it('writes out local functions, and says which nodes are in the place of a call', async () => {
    const dense: LocalFunction = {
      ...{ name: 'Dense', domain: 'my', overload: '', inputs: ['x', 'w'], outputs: ['y'], attributes: [] },
      ...{ attributeDefaults: [], valueInfo: new Map(), opsetImports: [{ domain: '', version: 17 }] },
      nodes: [node('MatMul', ['x', 'w'], ['h']), node('Relu', ['h'], ['y'])],
    };
    const g = graph({
      inputs: [value('x', ['batch', 8])],
      outputs: [value('y', ['batch', 8])],
      nodes: [node('Dense', ['x', 'w'], ['y'], { domain: 'my', name: 'fc' })],
      initializers: [floats('w', [8, 8])],
    });
    await cli.save(
      'called.onnx',
      model(g, { opset: 17, irVersion: 8, opsets: { my: 1 }, functions: [dense] }),
    );
    const { code, stdout } = await cli.run('clean', 'called.onnx', '-o', 'flat.onnx', '--inline');
    assert.equal(code, 0);
    assert.match(stdout, /^fc .*fc\/MatMul, fc\/Relu$/m);
    const again = await cli.run('clean', 'flat.onnx', '-o', 'twice.onnx', '--inline');
    assert.equal(again.code, 2);
    assert.match(again.stderr, /nothing to clean; asked for: write out local functions/);
  });
});
