/**
 * Quantization written as pairs of QuantizeLinear and DequantizeLinear: at every level each reader gets a
 * DequantizeLinear of its own; with optimization an operator between pairs runs in int8 (qdq_transformer).
 */
import { attributeInt, DataType } from '../../../onnx/model.ts';
import type { Attribute } from '../../../onnx/model.ts';
import type { Draft } from '../runtime.ts';
import { dimsOfValue, elemTypeOfValue } from '../values.ts';
import type { Value } from '../values.ts';
import type { GraphEditor } from './editor.ts';
import { isConstant, isOp, next, scalarOf, staticDims } from './patterns.ts';
import { dequantized, isSigned, quantizedFusions } from './qdq-fusions.ts';
import type { Dequantized, Fusion } from './qdq-fusions.ts';

const microsoft = 'com.microsoft';

export function separateDequantizations(editor: GraphEditor): void {
  for (const dq of editor.nodesOf('DequantizeLinear')) {
    const [output] = dq.outputs;
    if (!isOp(dq, 'DequantizeLinear') || output === undefined) continue;
    let keepsOriginal = !editor.isPinned(output);
    const readers = [...editor.readersOf(output)].sort((a, b) => a.index - b.index);
    for (const reader of readers) {
      const inputs = reader.inputs.map((v) => {
        if (v !== output) return v;
        if (keepsOriginal) {
          keepsOriginal = false;
          return v;
        }
        const own = editor.values.like(output, `${output.name}/duplicated`);
        editor.add({ ...dq, sources: [], outputs: [own] });
        return own;
      });
      editor.change(reader, { inputs });
    }
  }
}

/** They move data, whatever its type. */
const movers: ReadonlySet<string> = new Set(
  'MaxPool Reshape Transpose Squeeze Unsqueeze Flatten Slice Split Resize Expand Tile Gather'.split(' '),
);

export function fuseQuantized(editor: GraphEditor): void {
  removeClamps(editor);
  makeUnsigned(editor);
  if (editor.nodesOf('DequantizeLinear').length === 0) return;
  for (const n of editor.nodes) {
    if (n.domain !== '' || !editor.has(n)) continue;
    if (n.opType === 'MatMul' && fuseBlocks(editor, n)) continue;
    const fusion = quantizedFusions[n.opType];
    if (fusion) fuseOne(editor, n, fusion);
    else if (movers.has(n.opType)) moveQuantized(editor, n);
  }
}

/** A Relu before a QuantizeLinear that cuts off below zero anyway. */
function removeClamps(editor: GraphEditor): void {
  for (const n of editor.nodesOf('Relu')) {
    const [input] = n.inputs;
    const quantize = isOp(n, 'Relu') ? next(editor, n, 'QuantizeLinear') : undefined;
    if (quantize === undefined || input === undefined) continue;
    const zeroPoint = quantize.inputs[2];
    const lowest = elemTypeOfValue(zeroPoint) === DataType.int8 ? -128 : 0;
    if (zeroPoint === undefined || scalarOf(zeroPoint) === lowest) editor.bypass(n, input);
  }
}

/** x86 has faster kernels for unsigned data: zero points move by 128, where one node dequantizes (qdq_s8_to_u8.cc). */
function makeUnsigned(editor: GraphEditor): void {
  for (const n of editor.nodesOf('QuantizeLinear')) {
    const [output] = n.outputs;
    if (!isOp(n, 'QuantizeLinear') || output === undefined || !next(editor, n, 'DequantizeLinear')) continue;
    if (output.type.kind !== 'tensor' || !isSigned(output)) continue;
    const unsigned = editor.values.make({ ...output, type: { ...output.type, elemType: DataType.uint8 } });
    editor.change(n, { outputs: [unsigned] });
    editor.substitute(output, unsigned);
  }
}

function fuseOne(editor: GraphEditor, n: Draft, fusion: Fusion): void {
  const given = n.inputs.filter((v) => v !== undefined);
  const inputs = given.map((v) => dequantized(editor, v, n)).filter((d) => d !== undefined);
  if (inputs.length !== given.length) return;
  const quantize = next(editor, n, 'QuantizeLinear');
  const isAlsoQuantized = editor.readersOf(n.outputs[0]).some((r) => isOp(r, 'QuantizeLinear'));
  if (quantize === undefined && isAlsoQuantized) return; // its output is read as it is, too
  const fused = fusion(inputs, quantize);
  if (fused === undefined) return;
  const members = [...inputs.map((d) => d.node), ...(quantize ? [quantize] : [])];
  const outputs = quantize && fused.opType !== 'MatMulIntegerToFloat' ? quantize.outputs : n.outputs;
  for (const m of members) editor.remove(m);
  editor.replace(n, [
    { ...n, ...fused, outputs, sources: [...n.sources, ...members.flatMap((m) => m.sources)] },
  ]);
}

/** Between two pairs it runs on the quantized data; both pairs go. */
function moveQuantized(editor: GraphEditor, n: Draft): void {
  const data = dequantized(editor, n.inputs[0], n);
  const quantize = n.outputs.length === 1 ? next(editor, n, 'QuantizeLinear') : undefined;
  if (data === undefined || quantize === undefined) return;
  if (elemTypeOfValue(data.data) !== elemTypeOfValue(quantize.outputs[0])) return;
  editor.remove(data.node);
  editor.remove(quantize);
  editor.change(n, {
    inputs: [data.data, ...n.inputs.slice(1)],
    outputs: quantize.outputs,
    sources: [...n.sources, ...data.node.sources, ...quantize.sources],
  });
}

/** Of weights with one scale for all or per channel. */
const defaultBlockSize = 32;
const smallestBlockSize = 16;
const bitsOf: ReadonlyMap<number, number> = new Map([
  [DataType.int8, 8],
  [DataType.uint8, 8],
  [DataType.int4, 4],
  [DataType.uint4, 4],
]);
const signed: ReadonlySet<number> = new Set([DataType.int8, DataType.int4]);

/**
 * A weight of 8 or 4 bits that is only dequantized: ONNX Runtime lays it out in blocks and computes in int8. Unsigned
 * ones get zero points where they have none (qdq_actions.cc).
 */
function fuseBlocks(editor: GraphEditor, n: Draft): boolean {
  const weight = dequantized(editor, n.inputs[1], n);
  const dims = staticDims(weight?.data);
  const type = elemTypeOfValue(weight?.data);
  const bits = bitsOf.get(type);
  if (weight === undefined || bits === undefined || !isConstant(weight.data) || dims?.length !== 2)
    return false;
  if (editor.maker(n.inputs[0])?.opType === 'DequantizeLinear') return false;
  const blockSize = blockSizeOf(weight);
  if (blockSize === undefined) return false;
  const [k = 0, columns = 0] = dims;
  const blocks = Math.ceil(k / blockSize);
  const attributes = { K: k, N: columns, bits, block_size: blockSize, accuracy_level: 4 };
  const make = (part: string, dataType: number, shape: readonly number[]) =>
    constant(editor, `${weight.data?.name ?? ''}/${part}`, dataType, shape);
  const b = make('blocks', DataType.uint8, [columns, blocks, (blockSize * bits) / 8]);
  const scales = make('scales', DataType.float, [columns * blocks]);
  const hasZeroPoints = weight.zeroPoint !== undefined || !signed.has(type);
  const zeroPoints = hasZeroPoints
    ? [make('zeroPoints', DataType.uint8, [columns * Math.ceil((blocks * bits) / 8)])]
    : [];
  editor.remove(weight.node);
  editor.replace(n, [
    {
      ...n,
      opType: 'MatMulNBits',
      domain: microsoft,
      node: { ...n.node, opType: 'MatMulNBits', domain: microsoft, attributes: ints(attributes) },
      inputs: [n.inputs[0], b, scales, ...zeroPoints],
      sources: [...n.sources, ...weight.node.sources],
    },
  ]);
  return true;
}

/** Undefined where the blocks are none that MatMulNBits takes. */
function blockSizeOf({ node: { node }, scale }: Dequantized): number | undefined {
  const blockSize = attributeInt(node, 'block_size', 0);
  if (blockSize === 0) return (dimsOfValue(scale)?.length ?? 0) < 2 ? defaultBlockSize : undefined;
  const isPower = Number.isInteger(Math.log2(blockSize));
  return attributeInt(node, 'axis', 1) === 0 && isPower && blockSize >= smallestBlockSize
    ? blockSize
    : undefined;
}

function constant(editor: GraphEditor, name: string, dataType: number, dims: readonly number[]): Value {
  const count = dims.reduce((p, d) => p * d, 1);
  const bytes = count * (dataType === DataType.float ? 4 : 1);
  const value = editor.values.make({
    name,
    kind: 'constant',
    type: { kind: 'tensor', elemType: dataType, shape: dims },
    constant: { bytes, count, dims, dataType, isDefault: false },
    producer: undefined,
  });
  editor.addConstant(value);
  return value;
}

function ints(values: Readonly<Record<string, number>>): ReadonlyMap<string, Attribute> {
  return new Map(
    Object.entries(values).map(([name, value]) => [name, { name, kind: 'int', value: BigInt(value) }]),
  );
}
