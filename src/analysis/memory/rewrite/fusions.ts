/** Chains of elementwise nodes that ONNX Runtime has one kernel for. */
import { attributeString, DataType } from '../../../onnx/model.ts';
import type { Draft } from '../runtime.ts';
import { elemTypeOfValue } from '../values.ts';
import type { Value } from '../values.ts';
import type { GraphEditor } from './editor.ts';
import { asOp, isOp, isScalar, next, otherInput, staticDims, withConstant } from './patterns.ts';
import { isSamePerm, permOf } from './transpose/transpose-editor.ts';

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

/** x · ½ · (1 + erf(x / √2)), in either order of the products. */
export function fuseGelu(editor: GraphEditor): void {
  for (const div of editor.nodesOf('Div')) {
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
  for (const gelu of editor.nodesOf('Gelu')) {
    const isExact = (attributeString(gelu.node, 'approximate') ?? 'none') === 'none';
    if (!isOp(gelu, 'Gelu', 'com.microsoft') && !(isOp(gelu, 'Gelu') && isExact)) continue;
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
  for (const sigmoid of editor.nodesOf('Sigmoid')) {
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

/**
 * A factor of a product of matrices is taken with its last two axes swapped. Only where those before them stay: a batch
 * that moves behind rows is taken, too, but where it does is not followed.
 */
export function fuseMatMulTranspose(editor: GraphEditor): void {
  for (const matMul of editor.nodesOf('MatMul')) {
    if (!isOp(matMul, 'MatMul') || !isFloat(matMul.inputs[0])) continue;
    const turned = matMul.inputs.map((v) => {
      const maker = editor.maker(v);
      const perm = permOf(maker);
      const swapped = perm && [...perm.keys()].slice(0, -2).concat(perm.length - 1, perm.length - 2);
      return swapped && isSamePerm(perm, swapped) ? maker : undefined;
    });
    if (turned.every((t) => t === undefined)) continue;
    const flags = ['transA', 'transB'].filter((_, i) => turned[i] !== undefined);
    const node = {
      ...matMul.node,
      attributes: new Map(flags.map((name) => [name, { name, kind: 'int', value: 1n }] as const)),
    };
    const inputs = matMul.inputs.map((v, i) => turned[i]?.inputs[0] ?? v);
    editor.replace(matMul, [{ ...matMul, opType: 'FusedMatMul', domain: 'com.microsoft', node, inputs }]);
    for (const t of turned) if (t && t.outputs.every((v) => !v || editor.usesOf(v) === 0)) editor.remove(t);
  }
}

function isFloat(v: Value | undefined): boolean {
  return elemTypeOfValue(v) === DataType.float;
}

/** A scalar factor before or after a product of matrices; before it where the rank of what is scaled is known. */
export function fuseMatMulScale(editor: GraphEditor, knowsRank: (v: Value) => boolean): void {
  for (const matMul of editor.nodesOf('MatMul', 'FusedMatMul')) {
    if (!isOp(matMul, 'MatMul') && !isOp(matMul, 'FusedMatMul', 'com.microsoft')) continue;
    const after = editor.soleReader(matMul.outputs[0]);
    const before = matMul.inputs.map((v) => {
      const scaled = scaledBy(editor.maker(v));
      return v && scaled && knowsRank(v) ? scaled : undefined;
    });
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
export function scaledBy(n: Draft | undefined): Value | undefined {
  const pair = n && (isOp(n, 'Mul') || isOp(n, 'Div')) ? withConstant(n) : undefined;
  if (n === undefined || pair === undefined) return undefined;
  if (n.opType === 'Div' && n.inputs[1] !== pair[1]) return undefined;
  return staticDims(pair[1])?.every((d) => d === 1) ? pair[0] : undefined;
}

function soleMaker(editor: GraphEditor, v: Value | undefined, reader: Draft): Draft | undefined {
  return editor.soleReader(v) === reader ? editor.maker(v) : undefined;
}
