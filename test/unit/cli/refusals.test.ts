/** Bad input: exit code 2 and one clear line, and beside each the twin that is accepted. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { link, mkdir, readdir, readFile } from 'node:fs/promises';
import { DataType, modelStream, type TensorRef } from '../../../src/onnx/index.ts';
import { collect, graph, model, node, value } from '../../support/model-builder.ts';
import { articleModel } from './article.ts';
import { CommandLine, oneLine } from './command-line.ts';

describe('the command line refuses', () => {
  const cli = new CommandLine();

  before(async () => {
    await cli.save('article.onnx', articleModel());
    await cli.save('fixed.onnx', articleModel(4));
    const bytes = await readFile(cli.file('article.onnx'));
    await cli.write('short.onnx', bytes.subarray(0, bytes.length - 100));
    await cli.write('text.onnx', 'not a model\n');
    await cli.write('empty.onnx', '');
    await mkdir(cli.file('folder.onnx'));
    await cli.write('data.npy', 'not an array');
    await link(cli.file('article.onnx'), cli.file('same.onnx'));
    await cli.write('there.onnx', await externalModel('weights.bin'));
    await cli.write(
      'weights.bin',
      Uint8Array.from({ length: 4096 }, (_, i) => (i % 4 === 3 ? 0x3f : i)),
    );
    await cli.write('external.onnx', await externalModel('gone.bin'));
  });

  /** [why, the command, what it says, the twin that is done] */
  const CASES: [string, string[], RegExp, string[]][] = [
    ['text', ['estimate', 'text.onnx'], /not an ONNX file.*text\.onnx/, ['estimate', 'article.onnx']],
    ['an empty file', ['text', 'empty.onnx'], /empty\.onnx/, ['text', 'article.onnx']],
    [
      'a file cut short',
      ['estimate', 'short.onnx'],
      /ends \d+ bytes too early.*short\.onnx/,
      ['estimate', 'cnn.onnx'],
    ],
    ['a missing file', ['estimate', 'none.onnx'], /no such file.*none\.onnx/, ['estimate', 'fixed.onnx']],
    ['a folder', ['estimate', 'folder.onnx'], /folder.*folder\.onnx/, ['text', 'cnn.onnx']],
    [
      'missing external data',
      ['quantize', 'external.onnx', '-o', 'out1.onnx'],
      /gone\.bin/,
      ['quantize', 'there.onnx', '-o', 'out2.onnx'],
    ],
    [
      'an unknown dim',
      ['estimate', 'article.onnx', '--dim', 'bach=2'],
      /no dim "bach"; there are: batch/,
      ['estimate', 'article.onnx', '--dim', 'batch=2'],
    ],
    [
      'a dim where all are fixed',
      ['text', 'fixed.onnx', '--dim', 'batch=2'],
      /all dims are fixed/,
      ['text', 'article.onnx', '--dim', 'batch=2'],
    ],
    [
      'a size that is none',
      ['estimate', 'article.onnx', '--dim', 'batch=0'],
      /--dim batch=0: expected a whole number/,
      ['estimate', 'article.onnx', '--dim', 'batch=1'],
    ],
    [
      'a dim without a size',
      ['estimate', 'article.onnx', '--dim', 'batch'],
      /--dim expects name=size/,
      ['estimate', 'article.onnx', '--dim=batch=3'],
    ],
    [
      'an unknown EP',
      ['estimate', 'article.onnx', '--ep', 'gpu'],
      /unknown EP "gpu".*cpu, webgpu/,
      ['estimate', 'article.onnx', '--ep', 'webgpu'],
    ],
    [
      'an unknown level',
      ['estimate', 'article.onnx', '--opt', 'some'],
      /expected disabled or all/,
      ['estimate', 'article.onnx', '--opt', 'disabled'],
    ],
    [
      'a budget without a size',
      ['estimate', 'article.onnx', '--budget', 'much'],
      /--budget expects a size/,
      ['estimate', 'article.onnx', '--budget', '8GiB'],
    ],
    [
      'no output',
      ['quantize', 'article.onnx'],
      /'-o, --output <file>' not specified/,
      ['quantize', 'article.onnx', '-o', 'out3.onnx'],
    ],
    [
      'an output that is a folder',
      ['prune', 'article.onnx', '-o', 'folder.onnx'],
      /folder/,
      ['prune', 'article.onnx', '-o', 'out4.onnx'],
    ],
    [
      'an output below a file',
      ['quantize', 'article.onnx', '-o', 'text.onnx/x.onnx'],
      /text\.onnx/,
      ['quantize', 'article.onnx', '-o', 'new/x.onnx'],
    ],
    [
      'to write over the model',
      ['quantize', 'article.onnx', '-o', './article.onnx'],
      /the output is the model itself/,
      ['quantize', 'article.onnx', '-o', './out5.onnx'],
    ],
    [
      'to write over the model by another name',
      ['prune', 'article.onnx', '-o', 'same.onnx'],
      /the output is the model itself/,
      ['prune', 'article.onnx', '-o', 'out6.onnx'],
    ],
    [
      'a recipe to write over the model',
      ['quantize', 'article.onnx', '-o', 'out31.onnx', '--write-recipe', 'same.onnx'],
      /--write-recipe would overwrite the model article\.onnx/,
      ['quantize', 'article.onnx', '-o', 'out32.onnx', '--write-recipe', 'out32.json'],
    ],
    [
      'a recipe to write over the output',
      ['quantize', 'article.onnx', '-o', 'out33.onnx', '--write-recipe', './out33.onnx'],
      /--write-recipe would overwrite the model out33\.onnx/,
      ['quantize', 'article.onnx', '-o', 'out34.onnx', '--write-recipe', 'out34.json'],
    ],
    [
      'layers that are not there',
      ['quantize', 'article.onnx', '-o', 'out7.onnx', '--layers', 'zzz*'],
      /no layer matches "zzz\*"/,
      ['quantize', 'article.onnx', '-o', 'out8.onnx', '--layers', '/fc1/*'],
    ],
    [
      'a ratio over 1',
      ['prune', 'article.onnx', '-o', 'out9.onnx', '--ratio', '50'],
      /between 0 and 1/,
      ['prune', 'article.onnx', '-o', 'out10.onnx', '--ratio', '0.5'],
    ],
    [
      'an unknown method',
      ['prune', 'article.onnx', '-o', 'out9.onnx', '--method', 'l0'],
      /magnitude, random, wanda or sparsegpt/,
      ['prune', 'article.onnx', '-o', 'out11.onnx', '--method', 'random', '--seed', '3'],
    ],
    [
      'a pattern that keeps all',
      ['prune', 'article.onnx', '-o', 'out9.onnx', '--pattern', '4:4'],
      /--pattern: expected N:M with 0 < N < M/,
      ['prune', 'article.onnx', '-o', 'out20.onnx', '--pattern', '2:4', '--layers', '/fc1/*'],
    ],
    [
      'a repair of zeros',
      ['prune', 'article.onnx', '-o', 'out9.onnx', '--repair', 'bias'],
      /go with --structured/,
      ['prune', 'article.onnx', '-o', 'out21.onnx', '--structured', '--repair', 'bias'],
    ],
    [
      'a sparse file of a global threshold',
      ['prune', 'article.onnx', '-o', 'out9.onnx', '--global', '--sparse'],
      /--sparse does not go with --global: .*how large a sparse file becomes/,
      ['prune', 'article.onnx', '-o', 'out22.onnx', '--ratio', '0.9', '--sparse'],
    ],
    [
      'bits that are not there',
      ['quantize', 'article.onnx', '-o', 'out9.onnx', '--blocks', '3'],
      /--blocks: expected one of 2, 4, 8, got "3"/,
      ['quantize', 'article.onnx', '-o', 'out12.onnx', '--blocks', '4', '--block-size', '16'],
    ],
    [
      'options that exclude each other',
      ['quantize', 'article.onnx', '-o', 'out9.onnx', '--blocks', '4', '--per-channel'],
      /--per-channel goes with --form dynamic-int8/,
      ['quantize', 'article.onnx', '-o', 'out13.onnx', '--per-channel', '--reduce-range'],
    ],
    [
      'two ways to say what to do',
      ['quantize', 'article.onnx', '-o', 'out9.onnx', '--auto', '--float16'],
      /choose one of float16 and auto/,
      ['quantize', 'article.onnx', '-o', 'out14.onnx', '--form', 'blocks', '--blocks', '4'],
    ],
    [
      'float8, which nothing here computes in',
      ['quantize', 'article.onnx', '-o', 'out9.onnx', '--form', 'float8'],
      /--form float8 is not offered: no EP of this build computes in it \(tensorrt: /,
      ['quantize', 'article.onnx', '-o', 'out17.onnx', '--form', 'bfloat16', '--cast-io'],
    ],
    [
      'an option of casts for integers',
      ['quantize', 'article.onnx', '-o', 'out9.onnx', '--cast-io'],
      /--cast-io goes with --form float16/,
      [
        'quantize',
        'article.onnx',
        '-o',
        'out18.onnx',
        '--float16',
        '--cast-io',
        '--keep-ops',
        'Softmax, Add',
      ],
    ],
    [
      'a bound without a choice',
      ['quantize', 'article.onnx', '-o', 'out9.onnx', '--min-sqnr', '20'],
      /--min-sqnr goes with --auto/,
      ['quantize', 'article.onnx', '-o', 'out15.onnx', '--auto', '--min-sqnr', '20'],
    ],
    [
      'a bound that no form keeps',
      ['quantize', 'article.onnx', '-o', 'out9.onnx', '--auto', '--min-sqnr', '200'],
      /nothing can be made smaller; .*dB of 200 dB at best/,
      ['quantize', 'article.onnx', '-o', 'out16.onnx', '--auto'],
    ],
    [
      'a percentile where ranges are found otherwise',
      ['quantize', 'article.onnx', '-o', 'out9.onnx', '--form', 'static', '--percentile', '99'],
      /--percentile goes with --range percentile/,
      ['quantize', 'article.onnx', '-o', 'out17.onnx', '--form', 'static', '--range', 'mse', '--per-channel'],
    ],
    [
      'an unknown option',
      ['estimate', 'article.onnx', '--batch', '2'],
      /unknown option '--batch'/,
      ['estimate', 'article.onnx', '--json'],
    ],
    [
      'an unknown command',
      ['squeeze', 'article.onnx'],
      /unknown command 'squeeze'/,
      ['estimate', 'article.onnx'],
    ],
    ['a command without a model', ['estimate'], /missing required argument 'model'/, ['estimate', '--help']],
    [
      'a batch size that is none',
      ['check', 'article.onnx', 'article.onnx', '--batch', '1,x'],
      /--batch: expected a whole number/,
      ['check', 'article.onnx', 'article.onnx', '--batch', '2', '--samples', '2'],
    ],
    [
      'the batch given twice',
      ['check', 'article.onnx', 'article.onnx', '--batch', '2', '--dim', 'batch=2'],
      /--batch and --dim batch both/,
      ['check', 'article.onnx', 'article.onnx', '--dim', 'batch=2', '--samples', '2'],
    ],
    [
      'data that are no arrays',
      ['check', 'article.onnx', 'article.onnx', '--data', 'data.npy'],
      /data\.npy is not a NumPy array/,
      ['check', 'fixed.onnx', 'fixed.onnx', '--samples', '4'],
    ],
    [
      'an EP that does not work here',
      ['check', 'article.onnx', 'article.onnx', '--ep', process.platform === 'win32' ? 'coreml' : 'dml'],
      /does not work here/,
      ['check', 'article.onnx', 'article.onnx', '--ep', 'cpu', '--samples', '1'],
    ],
    [
      'a model that ONNX Runtime refuses',
      ['check', 'article.onnx', 'text.onnx'],
      /text\.onnx/,
      ['diff', 'article.onnx', 'article.onnx'],
    ],
  ];
  for (const [why, refused, pattern, accepted] of CASES) {
    it(why, async () => {
      const [bad, good] = await Promise.all([cli.run(...refused), cli.run(...accepted)]);
      assert.equal(bad.code, 2, bad.stdout);
      assert.match(oneLine(bad), pattern);
      assert.match(oneLine(bad), /^vram-lens: /);
      assert.equal(bad.stdout, '');
      assert.equal(good.code, 0, good.stderr);
      assert.equal(good.stderr, '');
      assert.notEqual(good.stdout, '');
    });
  }

  it('without leaving anything behind', async () => {
    const files = await readdir(cli.folder);
    assert.deepEqual(
      files.filter((f) => /^out(?:1|7|9|31|33)\.onnx|tmp/.test(f)),
      [],
    );
    assert.ok(existsSync(cli.file('out2.onnx')));
  });

  it('nothing that it does not know, and says what there is', async () => {
    const { code, stderr } = await cli.run();
    assert.equal(code, 2);
    for (const name of ['estimate', 'quantize', 'prune', 'check', 'diff', 'text', 'demo']) {
      assert.match(stderr, new RegExp(`^ {2}${name} `, 'm'));
    }
    assert.match((await cli.run('--version')).stdout, /^\d+\.\d+\.\d+\n$/);
  });
});

/** A MatMul whose weight, [32, 32] of float32, lies in another file. */
function externalModel(location: string): Promise<Uint8Array> {
  const w: TensorRef = {
    name: 'w',
    dataType: DataType.float,
    dims: [32, 32],
    location: { kind: 'external', path: location, offset: 0, length: 4096 },
  };
  const g = graph({
    inputs: [value('x', ['batch', 32])],
    nodes: [node('MatMul', ['x', 'w'], ['y'])],
    outputs: [value('y', ['batch', 32])],
    initializers: [w],
  });
  return collect(modelStream(model(g), { keepExternalData: true }));
}
