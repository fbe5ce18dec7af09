/** Chains of elementwise nodes that ONNX Runtime has one kernel for. */
import type { Draft } from '../runtime.ts';
import { dimsOfValue } from '../values.ts';
import type { Value } from '../values.ts';
import type { GraphEditor } from './editor.ts';
import { asOp, isConstant, isOp, isScalar, next, otherInput, staticDims, withConstant } from './patterns.ts';

/** Replaces `members` by one node that stands at the last of them. */
export function fuse(
  editor: GraphEditor,
  members: readonly Draft[],
  as: { readonly opType: string; readonly domain: string; readonly inputs: readonly (Value | undefined)[] },
): void {
  const last = members.at(-1);
  const [first] = members;
  if (last === undefined || first === undefined) return;
  for (const m of members) if (m !== last) editor.remove(m);
  editor.replace(last, [
    {
      ...last,
      ...as,
      source: first.source,
      sources: members.flatMap((m) => m.sources),
      outputs: last.outputs.slice(0, 1),
    },
  ]);
}

/** mean, x − mean, its square's mean, + ε, √, ÷, · scale, + bias. */
export function fuseLayerNormalization(editor: GraphEditor): void {
  for (const mean of editor.nodes) {
    if (!isOp(mean, 'ReduceMean') || !editor.has(mean)) continue;
    const members = layerNormalization(editor, mean);
    const [x] = mean.inputs;
    if (members === undefined || x === undefined) continue;
    const [scale, bias] = members.slice(-2).map((n) => withConstant(n)?.[1]);
    fuse(editor, members, { opType: 'LayerNormalization', domain: '', inputs: [x, scale, bias] });
  }
}

function layerNormalization(editor: GraphEditor, mean: Draft): Draft[] | undefined {
  const [x] = mean.inputs;
  const sub = next(editor, mean, 'Sub');
  if (sub === undefined || sub.inputs[0] !== x) return undefined;
  const readers = editor.readersOf(sub.outputs[0]);
  const pow = readers.find((n) => isOp(n, 'Pow') && isScalar(n.inputs[1], 2));
  const div = readers.find((n) => isOp(n, 'Div') && n.inputs[0] === sub.outputs[0]);
  if (pow === undefined || div === undefined || readers.length !== 2) return undefined;
  const variance = next(editor, pow, 'ReduceMean');
  const add = variance && next(editor, variance, 'Add');
  const sqrt = add && next(editor, add, 'Sqrt');
  if (!variance || !add || !sqrt || sqrt.outputs[0] !== div.inputs[1]) return undefined;
  const scale = next(editor, div, 'Mul');
  const bias = scale && next(editor, scale, 'Add');
  if (scale === undefined || bias === undefined || !withConstant(scale) || !withConstant(bias))
    return undefined;
  return [mean, sub, pow, variance, add, sqrt, div, scale, bias];
}

/** x · ½ · (1 + erf(x / √2)), in either order of the products. */
export function fuseGelu(editor: GraphEditor): void {
  for (const div of editor.nodes) {
    if (!isOp(div, 'Div') || !isScalar(div.inputs[1], Math.SQRT2) || !editor.has(div)) continue;
    const [x] = div.inputs;
    const erf = next(editor, div, 'Erf');
    const add = erf && next(editor, erf, 'Add');
    if (erf === undefined || add === undefined || !isScalar(withConstant(add)?.[1], 1)) continue;
    const product = next(editor, add, 'Mul');
    if (product === undefined) continue;
    const members = halved(editor, x, product, add);
    if (members)
      fuse(editor, [div, erf, add, ...members], { opType: 'Gelu', domain: 'com.microsoft', inputs: [x] });
  }
}

function halved(editor: GraphEditor, x: Value | undefined, product: Draft, add: Draft): Draft[] | undefined {
  const other = otherInput(product, add.outputs[0]);
  const half = next(editor, product, 'Mul');
  if (other === x) return half && isScalar(withConstant(half)?.[1], 0.5) ? [product, half] : undefined;
  const before = asOp(editor.maker(other), 'Mul');
  if (before && withConstant(before)?.[0] === x && isScalar(withConstant(before)?.[1], 0.5))
    return editor.soleReader(other) === product ? [before, product] : undefined;
  // ½ · (1 + erf) first, then · x
  if (!isScalar(other, 0.5) || half === undefined) return undefined;
  return otherInput(half, product.outputs[0]) === x ? [product, half] : undefined;
}

/** A bias before Gelu, where the last dim is known to be the bias's. */
export function fuseBiasGelu(editor: GraphEditor, knowsLastDim: (v: Value) => boolean): void {
  for (const gelu of editor.nodes) {
    if (!isOp(gelu, 'Gelu', 'com.microsoft')) continue;
    const add = asOp(editor.maker(gelu.inputs[0]), 'Add');
    const pair = add && withConstant(add);
    if (add === undefined || pair === undefined || editor.soleReader(add.outputs[0]) !== gelu) continue;
    const [data, bias] = pair;
    if (staticDims(bias)?.length !== 1 || !knowsLastDim(data)) continue;
    fuse(editor, [add, gelu], { opType: 'BiasGelu', domain: 'com.microsoft', inputs: [data, bias] });
  }
}

/** x · sigmoid(α·x). */
export function fuseQuickGelu(editor: GraphEditor): void {
  for (const sigmoid of editor.nodes) {
    if (!isOp(sigmoid, 'Sigmoid') || !editor.has(sigmoid)) continue;
    const product = next(editor, sigmoid, 'Mul');
    const x = product && otherInput(product, sigmoid.outputs[0]);
    if (product === undefined || x === undefined) continue;
    const scaled = asOp(editor.maker(sigmoid.inputs[0]), 'Mul');
    const isScaled =
      scaled !== undefined && withConstant(scaled)?.[0] === x && next(editor, scaled, 'Sigmoid') === sigmoid;
    if (sigmoid.inputs[0] !== x && !isScaled) continue;
    const members = isScaled ? [scaled, sigmoid, product] : [sigmoid, product];
    fuse(editor, members, { opType: 'QuickGelu', domain: 'com.microsoft', inputs: [x] });
  }
}

/** A product of two matrices and a bias: Gemm. */
export function fuseMatMulAdd(editor: GraphEditor): void {
  for (const matMul of editor.nodes) {
    if (!isOp(matMul, 'MatMul')) continue;
    const add = next(editor, matMul, 'Add');
    const bias = add && otherInput(add, matMul.outputs[0]);
    if (add === undefined || bias === undefined || !isConstant(bias)) continue;
    const isMatrices = matMul.inputs.every((v) => dimsOfValue(v)?.length === 2);
    const columns = staticDims(matMul.inputs[1])?.[1];
    const biasDims = staticDims(bias);
    if (!isMatrices || biasDims?.at(-1) !== columns || biasDims === undefined || biasDims.length > 2)
      continue;
    fuse(editor, [matMul, add], { opType: 'Gemm', domain: '', inputs: [...matMul.inputs, bias] });
  }
}

/** A scalar factor before or after a product of matrices. */
export function fuseMatMulScale(editor: GraphEditor): void {
  for (const matMul of editor.nodes) {
    if (!isOp(matMul, 'MatMul') && !isOp(matMul, 'FusedMatMul', 'com.microsoft')) continue;
    const after = editor.soleReader(matMul.outputs[0]);
    const before = matMul.inputs.map((v) => scaledBy(editor.maker(v)));
    const members = [
      ...matMul.inputs.flatMap((v) =>
        before[matMul.inputs.indexOf(v)] ? (soleMaker(editor, v, matMul) ?? []) : [],
      ),
      matMul,
      ...(after && scaledBy(after) ? [after] : []),
    ];
    if (members.length === 1) continue;
    const inputs = matMul.inputs.map((v, i) => before[i] ?? v);
    fuse(editor, members, { opType: 'FusedMatMul', domain: 'com.microsoft', inputs });
  }
}

/** What a node scales by a constant scalar; undefined where it does something else. */
function scaledBy(n: Draft | undefined): Value | undefined {
  const pair = n && (isOp(n, 'Mul') || isOp(n, 'Div')) ? withConstant(n) : undefined;
  if (n === undefined || pair === undefined) return undefined;
  if (n.opType === 'Div' && n.inputs[1] !== pair[1]) return undefined;
  return staticDims(pair[1])?.every((d) => d === 1) ? pair[0] : undefined;
}

function soleMaker(editor: GraphEditor, v: Value | undefined, reader: Draft): Draft | undefined {
  return editor.soleReader(v) === reader ? editor.maker(v) : undefined;
}
