/** If, Loop and Scan. What a body does to its state is in `loop-state.ts`. */
import { DataType } from '../../onnx/model.ts';
import type { Graph } from '../../onnx/model.ts';
import { isUnknown, max, min, sub, unknown } from '../dim.ts';
import type { InferredType } from '../inference.ts';
import type { Dim } from '../types.ts';
import { mergeDim } from './broadcast.ts';
import { settle } from './loop-state.ts';
import { mergeTypes } from './merge.ts';
import { dimsOf, isTensor, normalizeAxis, tensor } from './rule.ts';
import type { Dims, Rule, RuleContext, RuleTable } from './rule.ts';
import { choose } from './truth.ts';

/**
 * The branch that is taken, where the condition is known; else what both have in common. A dim that differs is a
 * formula where the condition is one. A branch that contradicts itself is not the one that runs.
 */
const ifRule: Rule = (c) => {
  const condition = c.content(0)?.[0] ?? unknown('condition is computed at run time');
  const known = typeof condition === 'number' ? condition !== 0 : undefined;
  const then = c.subgraph('then_branch', [], { taken: known !== false });
  const other = c.subgraph('else_branch', [], { taken: known !== true });
  if (then === undefined || other === undefined) return [unknown('If without both branches')];
  if (known !== undefined) return (known ? then : other).outputs;
  if (then.failed !== other.failed) {
    (then.failed ? then : other).abandon();
    return (then.failed ? other : then).outputs;
  }
  return then.outputs.map((a, i) => eitherBranch(c, condition, i, a, other.outputs[i] ?? a));
};

function eitherBranch(
  c: RuleContext,
  condition: Dim,
  i: number,
  a: InferredType,
  b: InferredType,
): InferredType {
  if (isTensor(a) && isTensor(b) && dimsOf(a.shape)?.length !== dimsOf(b.shape)?.length) {
    const assumed = isUnknown(condition) ? undefined : c.assume(condition);
    if (assumed !== undefined) return assumed !== 0 ? a : b;
  }
  return mergeTypes(a, b, (place, x, y) => {
    const chosen = isUnknown(condition) ? condition : choose(condition, x, y);
    return isUnknown(chosen) ? c.derived(i, place, max(x, y)) : chosen;
  });
}

/**
 * M, cond, v_initial…; the body takes iteration, cond, v… and gives cond, v…, scan outputs…; the loop gives the final
 * v… and each scan output with the number of iterations before its dims.
 */
const loop: Rule = (c) => {
  const graph = c.graphAttribute('body');
  if (graph === undefined) return [unknown('Loop without a body')];
  const initial = Array.from({ length: Math.max(c.inputCount - 2, 0) }, (_, i) => typeAt(c, i + 2));
  const counter = tensor(DataType.int64, scalarShape(graph, 0), [c.derived(0, 'iteration')]);
  const goingOn = tensor(DataType.bool, scalarShape(graph, 1), [1]);
  const state = settle(c, initial, {
    inputs: (types) => [counter, goingOn, ...types],
    skip: 1,
    iterations: (outputs) => loopIterations(c, outputs[0]),
  });
  if (state === undefined) return [unknown('Loop without a body')];
  c.derived(0, 'iteration', sub(state.iterations, 1));
  const scans = state.body.outputs.slice(1 + initial.length);
  return [...state.last, ...scans.map((t) => stacked(t, 0, state.iterations))];
};

/** A body may take its counter and condition as [] or as [1]. */
function scalarShape(graph: Graph, input: number): Dims {
  const type = graph.inputs[input]?.type;
  return type?.kind === 'tensor' && type.shape?.length === 1 ? [1] : [];
}

function typeAt(c: RuleContext, i: number): InferredType {
  return c.type(i) ?? unknown('no initial value');
}

/** M, or fewer where the condition may end the loop before. */
function loopIterations(c: RuleContext, condition: InferredType | undefined): Dim {
  const trips = c.has(0) ? c.content(0)?.[0] : undefined;
  const most = trips === undefined ? undefined : max(trips, 0);
  const begins = c.has(1) ? c.content(1)?.[0] : 1;
  const goesOn = condition && isTensor(condition) ? condition.content?.[0] : undefined;
  if (begins === 0) return 0;
  if (begins === 1 && goesOn === 1 && most !== undefined) return most;
  if (begins === 1 && goesOn === 0) return min(most ?? 1, 1);
  return c.derived(0, 'iterations', most);
}

/** One tensor of each iteration, put together along a new axis. */
function stacked(t: InferredType, axis: number, iterations: Dim): InferredType {
  if (!isTensor(t)) return t.kind === 'unknown' ? t : unknown('a scan output is no tensor');
  const dims = dimsOf(t.shape);
  if (dims === undefined) return tensor(t.elemType, t.shape);
  const at = normalizeAxis(axis, dims.length + 1);
  return tensor(t.elemType, [...dims.slice(0, at), iterations, ...dims.slice(at)]);
}

/** State…, then `num_scan_inputs` tensors that the body sees slice by slice. */
const scan: Rule = (c) => {
  const scanCount = c.int('num_scan_inputs', 0);
  const stateCount = c.inputCount - scanCount;
  const initial = Array.from({ length: Math.max(stateCount, 0) }, (_, i) => typeAt(c, i));
  const inputAxes = c.ints('scan_input_axes');
  const outputAxes = c.ints('scan_output_axes');
  let iterations: Dim = unknown('rank of the scanned tensors is not known');
  const slices = Array.from({ length: scanCount }, (_, k) => {
    const dims = c.dims(stateCount + k);
    const elemType = c.elem(stateCount + k);
    if (dims === undefined) return tensor(elemType, c.shape(stateCount + k));
    const axis = normalizeAxis(inputAxes?.[k] ?? 0, dims.length);
    iterations = mergeDim(iterations, dims[axis] ?? 1, 'the scanned axes');
    return tensor(
      elemType,
      dims.filter((_d, i) => i !== axis),
    );
  });
  const state = settle(c, initial, {
    inputs: (types) => [...types, ...slices],
    skip: 0,
    iterations: () => iterations,
  });
  if (state === undefined) return [unknown('Scan without a body')];
  const scans = state.body.outputs.slice(initial.length);
  return [...state.last, ...scans.map((t, k) => stacked(t, outputAxes?.[k] ?? 0, iterations))];
};

/** Opset 8: sequence_lens, then as Scan, but everything has a batch axis first, and the second is the scanned one. */
const batchedScan: Rule = (c) => {
  const scanCount = c.int('num_scan_inputs', 0);
  const stateCount = c.inputCount - 1 - scanCount;
  let [batch, iterations]: Dim[] = [unknown('batch is not known'), unknown('length is not known')];
  const inner = (i: number, leading: number) => {
    const dims = c.dims(i);
    if (dims === undefined) return tensor(c.elem(i), c.shape(i));
    batch = mergeDim(batch ?? 1, dims[0] ?? 1, 'the batch axes');
    if (leading === 2) iterations = mergeDim(iterations ?? 1, dims[1] ?? 1, 'the scanned axes');
    return tensor(c.elem(i), dims.slice(leading));
  };
  const initial = Array.from({ length: Math.max(stateCount, 0) }, (_, i) => inner(i + 1, 1));
  const slices = Array.from({ length: scanCount }, (_, k) => inner(1 + stateCount + k, 2));
  const state = settle(c, initial, {
    inputs: (types) => [...types, ...slices],
    skip: 0,
    iterations: () => iterations ?? 1,
  });
  if (state === undefined) return [unknown('Scan without a body')];
  const scans = state.body.outputs.slice(initial.length).map((t) => stacked(t, 0, iterations ?? 1));
  return [...state.last, ...scans].map((t) => stacked(t, 0, batch ?? 1));
};

export const controlFlow: RuleTable = {
  If: ifRule,
  Loop: loop,
  Scan: [
    [8, batchedScan],
    [9, scan],
  ],
};
