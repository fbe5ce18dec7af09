/**
 * Moves each Transpose towards where it cancels out, by the rules and the estimate of ONNX Runtime's transpose
 * optimizer (onnx_transpose_optimization.cc): past a node where that takes away more axes than it adds.
 */
import type { Draft } from '../../runtime.ts';
import { dimsOfValue, elemTypeOfValue } from '../../values.ts';
import type { Value } from '../../values.ts';
import { asOp, isConstant } from '../patterns.ts';
import { handlerOf } from './handlers.ts';
import { channelsFirst, channelsLast, isSamePerm, permOf } from './transpose-editor.ts';
import type { Perm, TransposeEditor } from './transpose-editor.ts';

/**
 * When it is done: before it is known what runs a node ('unassigned'), as the layout is changed for a device, or for the
 * CPU's kernels. For a device those that bring the channels to their place and back are moved as far as they go, past
 * all but Concat (layout_transformation.cc). Only the CPU has kernels of Resize and MaxPool for other layouts.
 */
export type Stage = 'unassigned' | 'device' | 'cpu';

export function pushTransposes(transposes: TransposeEditor, stage: Stage): void {
  const { editor } = transposes;
  const nodes = [...editor.nodes];
  const leading = leadingToTranspose(nodes);
  for (const n of nodes) {
    if (!editor.has(n)) continue;
    n.inputs.some((v, i) => {
      const perm = permOf(editor.maker(v));
      return perm !== undefined && push(transposes, n, i, perm, leading, stage);
    });
  }
}

const forCpu: ReadonlySet<string> = new Set(['Resize', 'MaxPool']);

/** Values from which a path through nodes that can be passed leads to a Transpose. */
function leadingToTranspose(nodes: readonly Draft[]): ReadonlySet<Value> {
  const leading = new Set<Value>();
  for (const n of [...nodes].reverse()) {
    const handler = handlerOf(n);
    const isOnPath = handler?.movesOutputs === true && n.outputs.some((v) => v && leading.has(v));
    const inputs = n.opType === 'Transpose' ? [0] : isOnPath ? handler.inputs(n) : [];
    for (const i of inputs) {
      const v = n.inputs[i];
      if (v) leading.add(v);
    }
  }
  return leading;
}

function push(
  transposes: TransposeEditor,
  n: Draft,
  input: number,
  perm: Perm,
  leading: ReadonlySet<Value>,
  stage: Stage,
): boolean {
  const handler = handlerOf(n);
  const inputs = handler?.inputs(n) ?? [];
  if (!handler?.push || !inputs.includes(input)) return false;
  if (stage !== 'cpu' && forCpu.has(n.opType)) return false;
  const isWorth =
    (stage === 'device' && n.opType !== 'Concat' && movesChannels(perm)) ||
    handler.isAlwaysWorth?.(n) === true ||
    costOf(transposes, n, perm, inputs, leading) < 0;
  return isWorth && handler.push({ transposes, n, perm, inputs });
}

function movesChannels(perm: Perm): boolean {
  return isSamePerm(perm, channelsLast(perm.length)) || isSamePerm(perm, channelsFirst(perm.length));
}

/** Axes of transposes added, less those removed; see CalculateCost there. */
function costOf(
  transposes: TransposeEditor,
  n: Draft,
  perm: Perm,
  inputs: readonly number[],
  leading: ReadonlySet<Value>,
): number {
  const cost = inputs.reduce((sum, i) => sum + inputCost(transposes, n.inputs[i], perm), 0);
  if (cost >= 0 || handlerOf(n)?.movesOutputs !== true) return cost;
  if (n.outputs.some((v) => v && leading.has(v))) return cost;
  return cost + Math.max(0, ...n.outputs.map((v) => rankOf(transposes, v)));
}

function inputCost(transposes: TransposeEditor, v: Value | undefined, perm: Perm): number {
  const { editor } = transposes;
  if (v === undefined || isConstant(v)) return 0;
  const dequantize = asOp(editor.maker(v), 'DequantizeLinear');
  if (dequantize && isConstant(dequantize.inputs[0]) && editor.soleReader(v)) return 0;
  const maker = dequantize ? (editor.maker(dequantize.inputs[0]) ?? dequantize) : editor.maker(v);
  const present = permOf(maker);
  if (present === undefined) return rankOf(transposes, v);
  const output = maker?.outputs[0];
  const isRemovable =
    output !== undefined && !editor.isPinned(output) && editor.readersOf(output).every((r) => handlerOf(r));
  return isSamePerm(present, perm) && isRemovable ? -rankOf(transposes, v) : 0;
}

/** Axes of more than one element; 5 where the shape is not known. */
function rankOf(transposes: TransposeEditor, v: Value | undefined): number {
  if (v === undefined || elemTypeOfValue(v) === 0) return 0;
  if (!transposes.knowsRank(v)) return 5;
  return dimsOfValue(v)?.filter((d) => d !== 1).length ?? 5;
}
