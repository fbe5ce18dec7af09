/** Products: MatMul, Gemm, Einsum. */
import { attributeInt, attributeString } from '../../../../onnx/model.ts';
import { FIXED, isTracked, withZero, type Axis } from '../axis.ts';
import { Refusal, type Rule, type RuleContext, type RuleTable } from '../rule.ts';

/**
 * Two dims that are multiplied and summed over. What is removed must have added nothing: zero on one side, as it is
 * wherever one side is a weight.
 */
export function contract(c: RuleContext, a: Axis, b: Axis): void {
  const joined = c.join([a, b]);
  if (isTracked(joined) && !a.zero && !b.zero) c.block(joined, 'sums over values that are not zero');
}

const matMul: Rule = (c) => {
  const [a, b, out] = [c.axes(0), c.axes(1), c.outDims(0)];
  const [aDims, bDims] = [c.dims(0), c.dims(1)];
  if (a.length === 0 || b.length === 0) throw new Refusal('a scalar operand');
  const inner = b.length === 1 ? 0 : b.length - 2;
  contract(c, a.at(-1) ?? FIXED, b[inner] ?? FIXED);
  const rows = a.length === 1 ? [] : [a.at(-2) ?? FIXED];
  const columns = b.length === 1 ? [] : [b.at(-1) ?? FIXED];
  const batchRank = out.length - rows.length - columns.length;
  const batch = Array.from({ length: batchRank }, (_, k) => {
    const parts = [
      { axes: a, dims: aDims },
      { axes: b, dims: bDims },
    ].map(({ axes, dims }) => {
      const at = k - batchRank + Math.max(0, axes.length - 2);
      return at < 0 || (dims[at] === 1 && out[k] !== 1) ? undefined : axes[at];
    });
    if (!c.isConstant(0) && !c.isConstant(1)) for (const p of parts) c.prefer(p);
    const joined = c.join(parts.filter((p) => p !== undefined));
    return withZero(
      joined,
      parts.some((p) => p?.zero === true),
    );
  });
  weightSides(c, a, b, inner);
  return [[...batch, ...rows, ...columns]];
};

function weightSides(c: RuleContext, a: readonly Axis[], b: readonly Axis[], inner: number): void {
  if (c.isConstant(1)) {
    if (b.length > 1) c.makes(b.at(-1));
    reads(c, 0, a, a.length - 1, 1, b, inner);
  } else if (c.isConstant(0)) {
    if (a.length > 1) c.makes(a.at(-2));
  }
}

function reads(
  c: RuleContext,
  input: number,
  axes: readonly Axis[],
  inputAxis: number,
  weight: number,
  weightAxes: readonly Axis[],
  weightAxis: number,
): void {
  const [axis, read] = [axes[inputAxis], weightAxes[weightAxis]];
  if (!isTracked(axis) || !isTracked(read)) return;
  const name = c.node.inputs[input] ?? '';
  c.reads({ kind: 'rows', input: name, inputAxis, weight, weightAxis, atoms: read.atoms });
}

const gemm: Rule = (c) => {
  const [a, b] = [c.axes(0), c.axes(1)];
  const transA = attributeInt(c.node, 'transA', 0) !== 0;
  const transB = attributeInt(c.node, 'transB', 0) !== 0;
  const at = (axes: readonly Axis[], i: number) => axes[i] ?? FIXED;
  const inner = transB ? 1 : 0;
  contract(c, at(a, transA ? 0 : 1), at(b, inner));
  const columns = at(b, 1 - inner);
  let product = [at(a, transA ? 1 : 0), columns];
  if (c.isConstant(1)) {
    c.makes(columns);
    if (!transA) reads(c, 0, a, 1, 1, b, inner);
  }
  if (c.has(2)) product = product.map((axis, k) => withBias(c, axis, k));
  return [product];
};

function withBias(c: RuleContext, axis: Axis, k: number): Axis {
  const [dims, bias, out] = [c.dims(2), c.axes(2), c.outDims(0)];
  const at = k - 2 + dims.length;
  if (at < 0 || (dims[at] === 1 && out[k] !== 1)) return withZero(axis, false);
  return c.join([axis, bias[at] ?? FIXED]);
}

const einsum: Rule = (c) => {
  const equation = (attributeString(c.node, 'equation') ?? '').replaceAll(' ', '');
  const [left = '', right] = equation.split('->');
  const terms = left.split(',');
  if (right === undefined || equation.includes('.')) throw new Refusal(`the equation ${equation}`);
  if (terms.some((t) => new Set(t).size !== t.length)) throw new Refusal('a diagonal');
  const axisOf = (letter: string): Axis => {
    const parts = terms.flatMap((t, i) => {
      const at = t.indexOf(letter);
      return at < 0 ? [] : [c.axes(i)[at] ?? FIXED];
    });
    const isZero = parts.some((p) => p.zero);
    const joined = c.join(parts);
    if (!right.includes(letter) && !isZero) c.block(joined, 'sums over values that are not zero');
    else if (terms.every((t) => t.includes(letter))) for (const p of parts) c.prefer(p);
    return withZero(joined, isZero);
  };
  const axes = new Map([...new Set(left.replaceAll(',', ''))].map((l) => [l, axisOf(l)]));
  const weight = terms.findIndex((_, i) => c.isConstant(i));
  const made = (terms[weight] ?? '').split('').filter((l) => right.includes(l));
  for (const letter of made) c.makes(axes.get(letter));
  return [right.split('').map((l) => axes.get(l) ?? FIXED)];
};

export const matmulRules: RuleTable = { MatMul: matMul, Gemm: gemm, Einsum: einsum };
