/**
 * The CPU computes most of float16 in float32: ONNX Runtime casts what a kernel reads and casts back what it gives, and
 * removes what cancels out. So float16 values between such nodes are float32, and weights are cast at each run, or
 * once, where constants are folded.
 */
import { DataType } from '../../../onnx/model.ts';
import type { Draft } from '../runtime.ts';
import { elemTypeOfValue } from '../values.ts';
import type { Value } from '../values.ts';
import type { GraphEditor } from './editor.ts';
import { computedInFloat, isCast, isHalf } from './half-kernels.ts';

export function computeHalfInFloat(editor: GraphEditor, foldsConstants: boolean): void {
  const nodes = editor.nodes.filter((n) => n.inputs.some(isHalf) || n.outputs.some(isHalf));
  const computed = computedInFloat(nodes, (v) => editor.isPinned(v));
  const casts = nodes.filter((n) => isCast(n));
  const widened = new Map<Value, Value>();
  for (const { inputs, outputs } of casts)
    if (isHalf(outputs[0]) && isFloat(inputs[0])) widened.set(outputs[0], inputs[0]);
  for (const n of computed) widenOutputs(editor, n, computed, widened);
  for (const n of computed)
    editor.change(n, {
      inputs: n.inputs.map((v) =>
        isHalf(v) ? (widened.get(v) ?? widenInput(editor, n, v, foldsConstants, widened)) : v,
      ),
    });
  for (const n of casts) {
    const [input, output] = n.inputs[0] && n.outputs[0] ? [n.inputs[0], n.outputs[0]] : [];
    if (!input || !output) continue;
    if (isHalf(output) && editor.usesOf(output) === 0) editor.remove(n);
    else editor.change(n, { inputs: [widened.get(input) ?? input] });
  }
}

function isFloat(v: Value | undefined): v is Value {
  return elemTypeOfValue(v) === DataType.float;
}

function asFloat(editor: GraphEditor, v: Value): Value {
  const type = v.type.kind === 'tensor' ? { ...v.type, elemType: DataType.float } : v.type;
  return editor.values.make({ ...v, type });
}

/** What the caller, a subgraph or a kernel of float16 reads is cast back. */
function widenOutputs(
  editor: GraphEditor,
  n: Draft,
  computed: ReadonlySet<Draft>,
  widened: Map<Value, Value>,
): void {
  const isReadAsHalf = (v: Value) =>
    editor.isPinned(v) || editor.readersOf(v).some((r) => !computed.has(r) && !isCast(r));
  const outputs = n.outputs.map((v) => {
    if (!isHalf(v)) return v;
    const wide = asFloat(editor, v);
    widened.set(v, wide);
    return wide;
  });
  const kept = n.outputs.filter(isHalf).filter(isReadAsHalf);
  editor.change(n, { outputs });
  for (const v of kept) editor.add(cast(n, widened.get(v) ?? v, v));
}

/** A graph input, a constant, what a kernel of float16 made, or a value from around a subgraph. */
function widenInput(
  editor: GraphEditor,
  n: Draft,
  v: Value,
  foldsConstants: boolean,
  widened: Map<Value, Value>,
): Value {
  const isFolded = foldsConstants && v.constant !== undefined && !v.constant.isDefault;
  const wide = isFolded ? foldedConstant(editor, v) : { ...asFloat(editor, v), kind: 'produced' as const };
  widened.set(v, wide);
  if (!isFolded) editor.add(cast(n, v, wide));
  return wide;
}

function foldedConstant(editor: GraphEditor, v: Value): Value {
  const wide = asFloat(editor, v);
  const constant = v.constant && {
    ...v.constant,
    bytes: v.constant.count * 4,
    dataType: DataType.float,
    small: undefined,
  };
  const value: Value = { ...wide, constant };
  editor.addConstant(value);
  return value;
}

/** It belongs to the node that needs it, and stands for none. */
function cast(n: Draft, from: Value, to: Value): Omit<Draft, 'index'> {
  return {
    source: n.source,
    sources: [],
    domain: '',
    opType: 'Cast',
    node: { ...n.node, opType: 'Cast', domain: '', attributes: new Map() },
    inputs: [from],
    outputs: [to],
  };
}
