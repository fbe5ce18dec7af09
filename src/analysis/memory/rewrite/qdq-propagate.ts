/**
 * Quantization carried past operators that only move data, so that those run on the quantized data: before such an
 * operator in front of a QuantizeLinear, and behind one after a DequantizeLinear, a pair of both is put
 * (qdq_propagation.cc).
 */
import type { Draft } from '../runtime.ts';
import type { Value } from '../values.ts';
import type { GraphEditor } from './editor.ts';
import { isConstant, isOp, staticDims } from './patterns.ts';

/** From this version of the operator set on. */
const movers: ReadonlyMap<string, number> = new Map([
  ['MaxPool', 12],
  ['Reshape', 5],
  ['Transpose', 1],
  ['Squeeze', 1],
  ['Unsqueeze', 1],
  ['Slice', 1],
]);

export function propagateQuantization(editor: GraphEditor): void {
  const nodes = editor.nodesOf('QuantizeLinear', 'DequantizeLinear').filter(hasOneScale);
  for (const n of nodes) if (n.opType === 'QuantizeLinear') propagateBackward(editor, n);
  for (const n of nodes) if (n.opType === 'DequantizeLinear') propagateForward(editor, n);
}

/** Constants, one number each. */
function hasOneScale({ inputs: [, scale, zeroPoint] }: Draft): boolean {
  const isOne = (v: Value | undefined) => isConstant(v) && staticDims(v)?.every((d) => d === 1) === true;
  return isOne(scale) && (zeroPoint === undefined || isOne(zeroPoint));
}

function isMover(n: Draft | undefined): n is Draft {
  const since = n && n.domain === '' ? movers.get(n.opType) : undefined;
  return n !== undefined && since !== undefined && n.source.version >= since;
}

function propagateBackward(editor: GraphEditor, quantize: Draft): void {
  let reader = quantize;
  for (;;) {
    const mover = editor.maker(reader.inputs[0]);
    if (!isMover(mover) || editor.soleReader(reader.inputs[0]) !== reader) return;
    const [data] = mover.inputs;
    if (data === undefined || data.kind === 'constant') return;
    if (isOp(editor.maker(data), 'DequantizeLinear')) return;
    if (data.kind === 'produced' && editor.soleReader(data) !== mover) return;
    insertPairs(editor, quantize, data, [mover]);
    // on with what the new QuantizeLinear reads
    const inserted = editor.maker(editor.maker(mover.inputs[0])?.inputs[0]);
    if (inserted === undefined) return;
    reader = inserted;
  }
}

function propagateForward(editor: GraphEditor, dequantize: Draft): void {
  const moved: (Draft | undefined)[] = [editor.soleReader(dequantize.outputs[0])];
  for (let n = moved.pop(); n !== undefined; n = moved.pop()) {
    const [output] = n.outputs;
    if (!isMover(n) || output === undefined || editor.isPinned(output)) continue;
    const readers = editor.readersOf(output).filter((r) => !isOp(r, 'QuantizeLinear'));
    if (readers.length === 0) continue;
    insertPairs(editor, dequantize, output, readers);
    moved.push(...readers);
  }
}

/** One QuantizeLinear of `value`, with scale and zero point of `like`, and a DequantizeLinear for each of `readers`. */
function insertPairs(editor: GraphEditor, like: Draft, value: Value, readers: readonly Draft[]): void {
  const isQuantize = like.opType === 'QuantizeLinear';
  const stored = isQuantize ? like.outputs[0] : like.inputs[0];
  if (value.type.kind !== 'tensor' || stored?.type.kind !== 'tensor') return;
  const quantized = editor.values.make({
    name: `${value.name}/quantized`,
    kind: 'produced',
    type: { ...value.type, elemType: stored.type.elemType },
    constant: undefined,
    producer: undefined,
  });
  const parameters = like.inputs.slice(1);
  const add = (opType: string, input: Value, output: Value) =>
    editor.add({ ...like, sources: [], opType, inputs: [input, ...parameters], outputs: [output] });
  add('QuantizeLinear', value, quantized);
  for (const reader of readers) {
    const own = editor.values.like(value, `${value.name}/dequantized`);
    add('DequantizeLinear', quantized, own);
    editor.change(reader, { inputs: reader.inputs.map((v) => (v === value ? own : v)) });
  }
}
