/** The data and session options of `check`, read from a command line. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { Command } from 'commander';
import { dataSpec, withDataOptions, type DataFlags } from '../../../src/cli/check-data.ts';
import { writeReport } from '../../../src/cli/check-more.ts';
import { UsageError } from '../../../src/cli/failure.ts';
import { sessionSettings, withSessionOptions, type SessionFlags } from '../../../src/cli/session-options.ts';
import type { CheckReport, DataSpec } from '../../../src/runtime/index.ts';

const table = path.resolve(import.meta.dirname, '../../fixtures/data/three-rows.parquet');
const numpy = path.resolve(import.meta.dirname, '../../fixtures/models/fmnist-calib-256.npz');

function parsed(line: readonly string[]): DataFlags & SessionFlags {
  const command = withSessionOptions(withDataOptions(new Command())).exitOverride();
  return command
    .configureOutput({ writeErr: () => undefined })
    .parse(line, { from: 'user' })
    .opts();
}

/** Without what was not given. */
const defined = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('the data of a check', () => {
  const cases: readonly (readonly [readonly string[], DataSpec])[] = [
    [[], { kind: 'random', seed: 0, samples: 64 }],
    [['--samples', '4'], { kind: 'random', seed: 0, samples: 8 }],
    [['--data', numpy, '--samples', '4'], { kind: 'numpy', path: numpy, limit: 4 }],
    [
      ['--data', table, '--map', 'in=x', '--map', 'b=label', '--label-column', 'label'],
      { kind: 'table', path: table, inputs: { in: 'x', b: 'label' }, labelColumn: 'label' },
    ],
    [
      ['--data', table, '--tokenizer', 't.json', '--column', 'text'],
      { kind: 'text', path: table, tokenizer: 't.json', column: 'text' },
    ],
    [
      [
        '--data',
        table,
        '--data-kind',
        'images',
        '--mean',
        '0.5,0.4,0.3',
        '--std',
        '0.2',
        '--resize',
        'stretch',
      ],
      { kind: 'images', path: table, image: { mean: [0.5, 0.4, 0.3], std: [0.2], resize: 'stretch' } },
    ],
    [
      ['--data', table, '--data-kind', 'audio', '--sample-rate', '8000'],
      { kind: 'audio', path: table, sampleRate: 8000 },
    ],
  ];
  for (const [line, spec] of cases) {
    it(line.filter((w) => w.startsWith('--')).join(' ') || 'by default', async () =>
      assert.deepEqual(defined(await dataSpec(parsed(line), [1, 8])), spec),
    );
  }

  it('that cannot be understood is refused', async () => {
    await assert.rejects(dataSpec(parsed(['--data', table, '--data-kind', 'text']), [1]), UsageError);
    for (const line of [
      ['--map', 'x'],
      ['--mean', '1,a'],
      ['--scale', ''],
    ]) {
      assert.throws(() => parsed(line), UsageError);
    }
    assert.throws(() => parsed(['--data-kind', 'video']), /Allowed choices are/);
  });
});

describe('the session of a run', () => {
  it('is as ONNX Runtime has it, but for what is said', () => {
    assert.deepEqual(defined(sessionSettings(parsed([]))), {});
    const line = [
      '--threads',
      '2',
      '--inter-op-threads',
      '3',
      '--no-arena',
      '--no-mem-pattern',
      '--no-prepacking',
      '--memory-limit',
      '2GiB',
    ];
    assert.deepEqual(sessionSettings(parsed(line)), {
      intraOpThreads: 2,
      interOpThreads: 3,
      cpuMemArena: false,
      memPattern: false,
      prepacking: false,
      memoryLimitBytes: 2 ** 31,
    });
  });
});

it('a report goes into a .json or .md file only', async () => {
  await assert.rejects(writeReport('r.txt', {} as CheckReport), /expected a \.json or \.md file/);
});
