/** Zeros by pattern, by calibration and by one threshold for all. */
import assert from 'node:assert/strict';
import type { Model } from '../../../../src/onnx/model.ts';
import {
  applyRecipe,
  parseRecipe,
  serializeRecipe,
  sparsity,
  type PruneEdit,
} from '../../../../src/transforms/index.ts';
import { floats, graph, model, node, ramp, value } from '../../../support/model-builder.ts';
import { numbers, prune, recipe } from '../edits.ts';
import { calibrate } from './calibration.ts';
import { feeds, run, type Feeds } from './zeroed.ts';

interface Case {
  readonly title: string;
  readonly opType: string;
  readonly dims: readonly number[];
  readonly spec?: Readonly<Record<string, number>>;
  /** Index of input k on line l. */
  readonly at: (line: number, k: number) => number;
  readonly lines: number;
  readonly inputs: number;
}

const CASES: readonly Case[] = [
  { title: 'MatMul [K, N]', opType: 'MatMul', dims: [8, 3], at: (n, k) => k * 3 + n, lines: 3, inputs: 8 },
  {
    title: 'Gemm [N, K]',
    opType: 'Gemm',
    dims: [3, 8],
    spec: { transB: 1 },
    at: (n, k) => n * 8 + k,
    lines: 3,
    inputs: 8,
  },
  {
    title: 'Conv, along the input channels',
    opType: 'Conv',
    dims: [2, 4, 3, 3],
    at: (line, k) => Math.floor(line / 9) * 36 + k * 9 + (line % 9),
    lines: 18,
    inputs: 4,
  },
];

function layer({ opType, dims, spec }: Pick<Case, 'opType' | 'dims' | 'spec'>): Model {
  const x = opType === 'Conv' ? [1, dims[1]!, 5, 5] : [4, opType === 'Gemm' ? dims[1]! : dims[0]!];
  return model(
    graph({
      inputs: [value('x', x)],
      outputs: [value('y')],
      initializers: [floats('W', dims)],
      nodes: [node(opType, ['x', 'W'], ['y'], { name: 'layer', ...spec })],
    }),
  );
}

describe('N:M sparsity', () => {
  for (const { title, at, lines, inputs, ...form } of CASES) {
    for (const [keep, of] of [
      [2, 4],
      [1, 4],
      [1, 2],
    ] as const) {
      it(`${keep}:${of} of ${title}`, async () => {
        const m = layer(form);
        const before = await numbers(m, 'W');
        const after = await numbers(applyRecipe(m, recipe(prune({ pattern: `${keep}:${of}` }))).model, 'W');
        for (let line = 0; line < lines; line++) {
          for (let k = 0; k < inputs; k += of) {
            const group = Array.from({ length: of }, (_, i) => at(line, k + i));
            const strongest = [...group].sort((a, b) => Math.abs(before[b]!) - Math.abs(before[a]!) || a - b);
            for (const [rank, i] of strongest.entries())
              assert.equal(after[i], rank < keep ? before[i] : 0, `${i}`);
          }
        }
        assert.deepEqual(
          await sparsity(applyRecipe(m, recipe(prune({ pattern: `${keep}:${of}` }))).model, 'layer'),
          {
            zeros: after.filter((v) => v === 0).length,
            elements: before.length,
          },
        );
      });
    }
  }

  it('is refused where the inputs do not divide', () => {
    const m = layer({ opType: 'MatMul', dims: [6, 3] });
    const [change] = applyRecipe(m, recipe(prune({ pattern: '2:4' }))).changes;
    assert.equal(change?.reason, 'its 6 inputs are no multiple of 4');
  });

  it('reads back from JSON, and refuses what is no pattern', () => {
    const edits = recipe(prune({ pattern: '4:8', method: 'wanda' }), prune({ scope: 'global' }));
    assert.deepEqual(parseRecipe(serializeRecipe(edits)), edits);
    for (const pattern of ['4:4', '0:4', '2-4', '5:4']) {
      const bad = serializeRecipe(recipe({ ...prune(), pattern }));
      assert.throws(() => parseRecipe(bad), /edits\[0\]\.pattern: expected N:M/);
    }
  });
});

/** Channels of images of very unequal size, each half like another one. */
function leaning(dims: readonly [number, number, number, number]): Feeds {
  const images = feeds({ x: [...dims] });
  const data = images['x']!.data as Float32Array;
  const [, channels, height, width] = dims;
  const area = height * width;
  for (let i = 0; i < data.length; i++) {
    const channel = Math.floor(i / area) % channels;
    if (channel % 2 === 1) data[i] = 0.9 * data[i - area]! + 0.1 * data[i]!;
  }
  for (let i = 0; i < data.length; i++) if (Math.floor(i / area) % channels > 5) data[i]! *= 4;
  return images;
}

describe('calibrated pruning', () => {
  /** Inputs that lean on each other, and of unequal size. */
  const input: Feeds = feeds({ x: [64, 16] });
  const data = input['x']!.data as Float32Array;
  for (let r = 0; r < 64; r++) {
    for (let k = 8; k < 16; k++) data[r * 16 + k] = 0.9 * data[r * 16 + k - 8]! + 0.1 * data[r * 16 + k]!;
    for (let k = 0; k < 16; k += 3) data[r * 16 + k]! *= 4;
  }
  const m = model(
    graph({
      inputs: [value('x', [64, 16])],
      outputs: [value('y')],
      initializers: [floats('W', [16, 6], ramp(96))],
      nodes: [node('MatMul', ['x', 'W'], ['y'], { name: 'layer' })],
    }),
  );

  async function error(edit: Partial<PruneEdit>): Promise<number> {
    const { calibrationTargets } = applyRecipe(m, recipe(prune(edit)));
    const calibration = await calibrate(m, input, calibrationTargets);
    const pruned = applyRecipe(m, recipe(prune(edit)), { calibration }).model;
    const zeros = await sparsity(pruned, 'layer');
    assert.ok(zeros!.zeros >= 48, `${zeros!.zeros} zeros`);
    const [a, b] = [(await run(m, input))['y']!.data, (await run(pruned, input))['y']!.data];
    return [...(a as Float32Array)].reduce((sum, v, i) => sum + (v - Number(b[i])) ** 2, 0);
  }

  it('Wanda beats magnitude, SparseGPT beats Wanda', async () => {
    const [magnitude, wanda, gpt] = [
      await error({}),
      await error({ method: 'wanda' }),
      await error({ method: 'sparsegpt' }),
    ];
    assert.ok(wanda < magnitude && gpt < wanda, `${magnitude}, ${wanda}, ${gpt}`);
  });

  it('so they do at 2:4', async () => {
    const pattern = '2:4';
    const [magnitude, wanda, gpt] = [
      await error({ pattern }),
      await error({ pattern, method: 'wanda' }),
      await error({ pattern, method: 'sparsegpt' }),
    ];
    assert.ok(wanda < magnitude && gpt < wanda, `${magnitude}, ${wanda}, ${gpt}`);
  });

  it('Wanda zeroes the same share of each output', async () => {
    const edit = recipe(prune({ method: 'wanda', ratio: 0.25 }));
    const calibration = await calibrate(m, input, applyRecipe(m, edit).calibrationTargets);
    const after = await numbers(applyRecipe(m, edit, { calibration }).model, 'W');
    for (let o = 0; o < 6; o++) assert.equal(after.filter((v, i) => i % 6 === o && v === 0).length, 4);
  });

  for (const group of [1, 2, 8])
    for (const pattern of group === 8 ? [undefined] : [undefined, '2:4'])
      it(`of a Conv with ${group} groups, ${pattern ?? 'half'}`, async () => {
        const images = leaning([16, 8, 5, 5]);
        const conv = model(
          graph({
            inputs: [value('x', [16, 8, 5, 5])],
            outputs: [value('y')],
            initializers: [floats('W', [16, 8 / group, 3, 3], ramp((16 * 8 * 9) / group))],
            nodes: [node('Conv', ['x', 'W'], ['y'], { name: 'layer', group })],
          }),
        );
        const errors: number[] = [];
        for (const method of ['magnitude', 'wanda', 'sparsegpt'] as const) {
          const edit = recipe(prune({ method, pattern }));
          const calibration = await calibrate(conv, images, applyRecipe(conv, edit).calibrationTargets);
          const applied = applyRecipe(conv, edit, { calibration });
          const after = await numbers(applied.model, 'W');
          const zeros = after.filter((v) => v === 0).length;
          assert.ok(Math.abs(zeros / after.length - 0.5) < 0.06, `${zeros} zeros`);
          if (pattern !== undefined)
            for (let line = 0; line < 16 * 9; line++)
              for (let k = 0; k < 8 / group; k += 4) {
                const at = (i: number) => (Math.floor(line / 9) * (8 / group) + k + i) * 9 + (line % 9);
                assert.equal([0, 1, 2, 3].filter((i) => after[at(i)] === 0).length, 2, `${line}, ${k}`);
              }
          const [a, b] = [
            (await run(conv, images))['y']!.data,
            (await run(applied.model, images))['y']!.data,
          ];
          errors.push([...(a as Float32Array)].reduce((sum, v, i) => sum + (v - Number(b[i])) ** 2, 0));
        }
        const [magnitude, wanda, gpt] = errors as [number, number, number];
        // a depthwise kernel sees one channel, whose size tells nothing
        assert.ok((group === 8 || wanda < magnitude) && gpt < wanda, errors.join());
      });

  it('says what is missing', async () => {
    const plan = applyRecipe(m, recipe(prune({ method: 'wanda' })));
    await assert.rejects(
      numbers(plan.model, 'W'),
      /needs calibration data for "x".*run the model on samples first/,
    );
  });
});

describe('one threshold for all layers', () => {
  it('zeroes the smallest of all weights together', async () => {
    const m = model(
      graph({
        inputs: [value('x', [2, 4])],
        outputs: [value('y')],
        initializers: [
          floats('a', [4, 3], ramp(12)),
          floats(
            'b',
            [3, 5],
            ramp(15).map((v) => 0.3 * v),
          ),
        ],
        nodes: [
          node('MatMul', ['x', 'a'], ['h'], { name: 'a' }),
          node('MatMul', ['h', 'b'], ['y'], { name: 'b' }),
        ],
      }),
    );
    const before = [...(await numbers(m, 'a')), ...(await numbers(m, 'b'))];
    const { model: p } = applyRecipe(m, recipe(prune({ scope: 'global', ratio: 0.4 })));
    // the second is asked for first
    const b = await numbers(p, 'b');
    const after = [...(await numbers(p, 'a')), ...b];
    const order = before.map((v, i) => [Math.abs(v), i] as const).sort((x, y) => x[0] - y[0] || x[1] - y[1]);
    const gone = new Set(order.slice(0, Math.round(0.4 * 27)).map(([, i]) => i));
    assert.deepEqual(
      after,
      before.map((v, i) => (gone.has(i) ? 0 : v)),
    );
  });
});
