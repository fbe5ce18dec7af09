/** What a convolution takes over from the nodes after it: normalisation, scale, bias, activation. */
import { elementCount } from '../../../onnx/datatype.ts';
import { DataType } from '../../../onnx/model.ts';
import type { Draft } from '../runtime.ts';
import { elemTypeOfValue } from '../values.ts';
import type { Value } from '../values.ts';
import type { GraphEditor } from './editor.ts';
import { isConstant, isOp, staticDims } from './patterns.ts';

/** Conv with constant weights, then BatchNormalization, Mul or Add with constants: folded into weights and bias. */
export function foldIntoConvs(editor: GraphEditor): void {
  for (const node of editor.nodes) {
    if (!isOp(node, 'Conv') || !isConstant(node.inputs[1])) continue;
    if (node.inputs[2] !== undefined && !isConstant(node.inputs[2])) continue;
    for (let after = foldable(editor, node); after; after = foldable(editor, node))
      absorb(editor, node, after);
  }
}

function foldable(editor: GraphEditor, conv: Draft): Draft | undefined {
  const reader = editor.soleReader(conv.outputs[0]);
  return reader?.domain === '' && foldsInto[reader.opType]?.(conv, reader) === true ? reader : undefined;
}

const foldsInto: Readonly<Record<string, (conv: Draft, reader: Draft) => boolean>> = {
  BatchNormalization: (_, bn) => bn.outputs.length === 1 && bn.inputs.slice(1).every((v) => isConstant(v)),
  Mul: (conv, mul) => isPerChannel(conv, mul.inputs[1], true),
  Add: (conv, add) => isPerChannel(conv, add.inputs[1], false),
};

/** [M, 1, …] or [1, M, 1, …]; a scale may be a scalar, too. */
function isPerChannel(conv: Draft, v: Value | undefined, isScale: boolean): boolean {
  const [w, dims] = [staticDims(conv.inputs[1]), isConstant(v) ? staticDims(v) : undefined];
  if (w === undefined || dims === undefined) return false;
  if (isScale && dims.length === 0) return true;
  const axis = dims.length === w.length ? 1 : dims.length === w.length - 1 ? 0 : -1;
  return axis >= 0 && dims.every((d, i) => d === (i === axis ? w[0] : 1));
}

function absorb(editor: GraphEditor, conv: Draft, after: Draft): void {
  const bias = conv.inputs[2] ?? newBias(editor, conv);
  editor.remove(after);
  editor.change(conv, {
    inputs: [conv.inputs[0], conv.inputs[1], bias],
    outputs: after.outputs.slice(0, 1),
    sources: [...conv.sources, ...after.sources],
  });
}

function newBias(editor: GraphEditor, conv: Draft): Value {
  const dims = [staticDims(conv.inputs[1])?.[0] ?? 0];
  const dataType = DataType.float;
  const count = elementCount(dims);
  const value = editor.values.make({
    name: `${conv.source.id}/bias`,
    kind: 'constant',
    type: { kind: 'tensor', elemType: dataType, shape: dims },
    constant: { bytes: count * 4, count, dims, dataType, isDefault: false },
    producer: undefined,
  });
  editor.addConstant(value);
  return value;
}

const activations: ReadonlySet<string> = new Set([
  'Relu',
  'Sigmoid',
  'Tanh',
  'LeakyRelu',
  'HardSigmoid',
  'Clip',
]);

/** Conv or Gemm, then an activation: one fused node. */
export function fuseActivations(editor: GraphEditor): void {
  for (const node of editor.nodes) {
    const fused = isOp(node, 'Conv') ? 'FusedConv' : isOp(node, 'Gemm') ? 'FusedGemm' : undefined;
    if (fused === undefined || elemTypeOfValue(node.inputs[0]) !== DataType.float) continue;
    const after = editor.soleReader(node.outputs[0]);
    if (after?.domain !== '' || !activations.has(after.opType)) continue;
    if (
      after.opType === 'Clip' &&
      (fused === 'FusedGemm' || !after.inputs.slice(1).every((v) => !v || isConstant(v)))
    )
      continue;
    editor.remove(after);
    editor.replace(node, [
      {
        ...node,
        opType: fused,
        domain: 'com.microsoft',
        outputs: after.outputs,
        sources: [...node.sources, ...after.sources],
      },
    ]);
  }
}
