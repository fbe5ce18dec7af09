/** A product with a weight and a bias: Gemm, between two Reshapes where it is not of matrices (matmul_add_fusion.cc). */
import type { KnownDims } from '../known-dims.ts';
import type { Draft } from '../runtime.ts';
import { dimsOfValue } from '../values.ts';
import type { Value } from '../values.ts';
import type { GraphEditor } from './editor.ts';
import { fuse } from './fusions.ts';
import { asOp, isOp, next, otherInput, staticDims } from './patterns.ts';
import { vector } from './transpose/axes.ts';

interface MatMulAdd {
  readonly matMul: Draft;
  readonly add: Draft;
  readonly bias: Value;
  /** [K, N] of the weight. */
  readonly weight: readonly [number, number];
}

/** Products with a weight that are not of matrices: their sizes are asked for. */
export function manyDimensional(editor: GraphEditor): Draft[] {
  return editor.nodesOf('MatMul').filter((n) => {
    const found = matMulAdd(editor, n);
    return found !== undefined && dimsOfValue(n.inputs[0])?.length !== 2;
  });
}

/** Gives those that stay as they are, since they may be fused to an Attention later. */
export function fuseMatMulAdd(editor: GraphEditor, known: KnownDims): Draft[] {
  const attention = new Set<Draft>();
  const kept: Draft[] = [];
  for (const n of editor.nodesOf('MatMul')) {
    const found = matMulAdd(editor, n);
    if (found === undefined) continue;
    if (dimsOfValue(n.inputs[0])?.length === 2) fuseMatrices(editor, found);
    else if (isOfAttention(editor, found, attention)) kept.push(n);
    else fuseReshaped(editor, found, known);
  }
  return kept;
}

/** Those that were kept for an Attention, which ONNX Runtime fuses after all where it found none. */
export function fuseKeptMatMulAdd(editor: GraphEditor, kept: readonly Draft[], known: KnownDims): void {
  for (const n of kept) {
    const found = editor.has(n) ? matMulAdd(editor, n) : undefined;
    if (found) fuseReshaped(editor, found, known);
  }
}

function matMulAdd(editor: GraphEditor, matMul: Draft): MatMulAdd | undefined {
  if (!isOp(matMul, 'MatMul')) return undefined;
  const add = next(editor, matMul, 'Add');
  const bias = add && otherInput(add, matMul.outputs[0]);
  const [rows, columns, ...more] = staticDims(matMul.inputs[1]) ?? [];
  const isMatrix = rows !== undefined && columns !== undefined && more.length === 0;
  if (add === undefined || bias === undefined || !isMatrix) return undefined;
  return staticDims(bias)?.at(-1) === columns ? { matMul, add, bias, weight: [rows, columns] } : undefined;
}

function fuseMatrices(editor: GraphEditor, { matMul, add, bias }: MatMulAdd): void {
  if ((staticDims(bias)?.length ?? 0) > 2) return;
  fuse(editor, [matMul, add], { opType: 'Gemm', domain: '', inputs: [...matMul.inputs, bias] });
}

/** Where all sizes are known. */
function fuseReshaped(editor: GraphEditor, { matMul, add, bias, weight }: MatMulAdd, known: KnownDims): void {
  const dims = matMul.inputs[0] && known.get(matMul.inputs[0]);
  if (staticDims(bias)?.length !== 1 || dims?.every((d) => typeof d === 'number') !== true) return;
  const rows = dims.slice(0, -1).reduce((n, d) => n * d, 1);
  const name = add.outputs[0]?.name ?? '';
  const flat = matrixLike(editor, matMul.inputs[0], `${name}/gemm_input_reshape`, [rows, weight[0]]);
  const made = matrixLike(editor, add.outputs[0], `${name}/gemm_output_reshape`, [rows, weight[1]]);
  const reshape = (from: Value | undefined, to: Value | undefined, shape: readonly number[]) => ({
    ...add,
    sources: [],
    opType: 'Reshape',
    domain: '',
    inputs: [from, vector(editor, `${to?.name ?? ''}/shape`, shape)],
    outputs: [to],
  });
  editor.remove(matMul);
  editor.replace(add, [
    reshape(matMul.inputs[0], flat, [rows, weight[0]]),
    reshape(made, add.outputs[0], [...dims.slice(0, -1), weight[1]]),
    {
      ...add,
      source: matMul.source,
      sources: [...matMul.sources, ...add.sources],
      opType: 'Gemm',
      domain: '',
      inputs: [flat, matMul.inputs[1], bias],
      outputs: [made],
    },
  ]);
}

function matrixLike(
  editor: GraphEditor,
  v: Value | undefined,
  name: string,
  shape: readonly number[],
): Value | undefined {
  if (v?.type.kind !== 'tensor') return undefined;
  const type = { kind: 'tensor', elemType: v.type.elemType, shape } as const;
  return editor.values.make({
    name,
    kind: 'produced',
    type,
    constant: undefined,
    identity: undefined,
    producer: undefined,
  });
}

/**
 * Three products of what one LayerNormalization gives, which a sum is added to, and the product before that sum. Nodes
 * that were found to be of such a group are kept in `known`.
 */
function isOfAttention(editor: GraphEditor, { matMul, add }: MatMulAdd, known: Set<Draft>): boolean {
  const norm = asOp(editor.maker(matMul.inputs[0]), 'LayerNormalization');
  if ((norm && known.has(norm)) || known.has(add)) return true;
  if (norm === undefined) return false;
  const readers = editor.readersOf(norm.outputs[0]);
  const those = (opType: string) => readers.filter((r) => r.opType === opType);
  const [sum, ...others] = those('Add');
  const isAll = those('Shape').length === readers.length - 4;
  if (sum === undefined || others.length > 0 || those('MatMul').length !== 3 || !isAll) return false;
  const before = asOp(editor.maker(otherInput(sum, norm.outputs[0])), 'Add');
  if (before === undefined) return false;
  known.add(norm).add(before);
  return true;
}
