/** What a convolution takes over from the nodes after it: normalisation, scale, bias, activation. */
import { elementCount } from '../../../onnx/datatype.ts';
import { DataType } from '../../../onnx/model.ts';
import type { KnownDims } from '../known-dims.ts';
import type { Draft } from '../runtime.ts';
import { elemTypeOfValue } from '../values.ts';
import type { Value } from '../values.ts';
import type { GraphEditor } from './editor.ts';
import {
  channelsLastDomain,
  isConstant,
  isOp,
  next,
  otherInput,
  qualifiedName,
  staticDims,
} from './patterns.ts';

/** Conv with constant weights, then BatchNormalization, Mul or Add with constants: folded into weights and bias. */
export function foldIntoConvs(editor: GraphEditor): void {
  for (const node of editor.nodesOf('Conv')) {
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

/** What WebGPU's convolutions take over besides. */
const channelsLastActivations: ReadonlySet<string> = new Set([
  ...activations,
  ...['HardSwish', 'Elu', 'Softplus', 'ThresholdedRelu', 'Erf', 'Gelu'],
  ...['com.microsoft::Gelu', 'com.microsoft::QuickGelu', 'com.microsoft::FastGelu'],
]);

/** Conv, then an activation: one fused node. With the channels last it stays a Conv. */
export function fuseConvActivations(editor: GraphEditor): void {
  for (const node of editor.nodesOf('Conv')) {
    if (isOp(node, 'Conv', channelsLastDomain)) fuseActivation(editor, node, channelsLastActivations, node);
    else if (isOp(node, 'Conv') && isFloat(node))
      fuseActivation(editor, node, activations, fusedAs('FusedConv'));
  }
}

/**
 * Conv with a bias, then an Add of two values that are known to be of the same four dims, then an activation or none: one
 * fused node, for what is left in the usual layout (conv_add_act_fusion.cc).
 */
export function fuseConvAdds(editor: GraphEditor, known: KnownDims): void {
  for (const node of editor.nodesOf('Conv')) {
    const add =
      editor.has(node) && isFloat(node) && isOp(node, 'Conv') ? next(editor, node, 'Add') : undefined;
    if (add === undefined || !addsPlanes(add, known)) continue;
    // of two convolutions that are added, the first in the file
    const conv = add.inputs
      .flatMap((v) => editor.maker(v) ?? [])
      .sort((a, b) => a.index - b.index)
      .find(
        (n) => isOp(n, 'Conv') && n.inputs[2] && n.inputs.length === 3 && editor.soleReader(n.outputs[0]),
      );
    const addend = conv && otherInput(add, conv.outputs[0]);
    if (conv === undefined || addend === undefined) continue;
    editor.remove(add);
    const [fused] = editor.replace(conv, [
      {
        ...conv,
        ...fusedAs('FusedConv'),
        inputs: [...conv.inputs, addend],
        outputs: add.outputs,
        sources: [...conv.sources, ...add.sources],
      },
    ]);
    if (fused) fuseActivation(editor, fused, activations, fusedAs('FusedConv'));
  }
}

export function isConvAdd(editor: GraphEditor, n: Draft): boolean {
  return isOp(n, 'Add') && n.inputs.some((v) => isOp(editor.maker(v), 'Conv'));
}

function addsPlanes({ inputs: [a, b] }: Draft, known: KnownDims): boolean {
  const [of, and] = [a && known.get(a), b && known.get(b)];
  return (
    of?.length === 4 && and?.length === 4 && of.every((d, i) => d !== undefined && d !== 0 && d === and[i])
  );
}

/** Gemm, then an activation that takes no constants: one fused node. */
export function fuseGemmActivations(editor: GraphEditor): void {
  for (const node of editor.nodesOf('Gemm')) {
    if (isOp(node, 'Gemm') && isFloat(node))
      fuseActivation(editor, node, gemmActivations, fusedAs('FusedGemm'));
  }
}

const gemmActivations: ReadonlySet<string> = new Set([...activations].filter((a) => a !== 'Clip'));
const fusedAs = (opType: string) => ({ opType, domain: 'com.microsoft' });
const isFloat = (n: Draft) => elemTypeOfValue(n.inputs[0]) === DataType.float;

function fuseActivation(
  editor: GraphEditor,
  node: Draft,
  kinds: ReadonlySet<string>,
  { opType, domain }: Pick<Draft, 'opType' | 'domain'>,
): void {
  const after = editor.soleReader(node.outputs[0]);
  if (after === undefined || !kinds.has(qualifiedName(after))) return;
  // bounds, or a bias: it must be known or absent
  const [, ...others] = after.inputs.filter((v) => v !== undefined);
  if (!others.every((v) => after.opType === 'Clip' && isConstant(v))) return;
  editor.remove(after);
  const sources = [...node.sources, ...after.sources];
  editor.replace(node, [{ ...node, opType, domain, outputs: after.outputs, sources }]);
}
