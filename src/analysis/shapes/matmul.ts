/** Matrix products. */
import { DataType } from '../../onnx/model.ts';
import { unknown } from '../dim.ts';
import type { Dim, Shape } from '../types.ts';
import { broadcastDims, mergeDim } from './broadcast.ts';
import { ShapeError, tensor, unknownDims } from './rule.ts';
import type { Dims, Rule, RuleContext, RuleTable } from './rule.ts';

const rankUnknown = unknown('input rank is not known');

/** NumPy's matmul: [..., m, k] × [..., k, n]; vectors are rows on the left, columns on the right. */
export function matMulShape(a: Dims | undefined, b: Dims | undefined): Shape {
  if (a === undefined || b === undefined) return rankUnknown;
  if (a.length === 0 || b.length === 0) throw new ShapeError('MatMul of a scalar');
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  mergeDim(left.at(-1) ?? 1, right.at(-2) ?? 1, 'the inner dims of a matrix product');
  const batch = broadcastDims([left.slice(0, -2), right.slice(0, -2)]);
  return [
    ...batch,
    ...(a.length === 1 ? [] : [left.at(-2) ?? 1]),
    ...(b.length === 1 ? [] : [right.at(-1) ?? 1]),
  ];
}

/** The last two dims exchanged where `swap` says so. */
export function swapped(dims: Dims | undefined, swap: boolean): Dims | undefined {
  if (!swap || dims === undefined || dims.length < 2) return dims;
  return [...dims.slice(0, -2), dims.at(-1) ?? 1, dims.at(-2) ?? 1];
}

const matMul: Rule = (c) => [tensor(c.elem(0), matMulShape(c.dims(0), c.dims(1)))];
export const matMulInteger: Rule = (c) => [tensor(DataType.int32, matMulShape(c.dims(0), c.dims(1)))];

/** a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point */
const qLinearMatMul: Rule = (c) => [tensor(c.elem(7) || c.elem(0), matMulShape(c.dims(0), c.dims(3)))];

/** [M, N] of A and B, transposed as the attributes say. */
export function gemmShape(c: RuleContext, a: Dims | undefined, b: Dims | undefined): Shape {
  const [left, right] = [swapped(a, c.int('transA', 0) !== 0), swapped(b, c.int('transB', 0) !== 0)];
  if (left === undefined || right === undefined) return unknownDims(2, 'input rank is not known');
  if (left.length !== 2 || right.length !== 2)
    throw new ShapeError(`Gemm needs matrices, ranks are ${left.length} and ${right.length}`);
  mergeDim(left[1] ?? 1, right[0] ?? 1, 'the inner dims of Gemm');
  return [left[0] ?? 1, right[1] ?? 1];
}

const gemm: Rule = (c) => [tensor(c.elem(0), gemmShape(c, c.dims(0), c.dims(1)))];

/** Everything but the last two dims. */
const det: Rule = (c) => [tensor(c.elem(0), c.dims(0)?.slice(0, -2) ?? rankUnknown)];

/** Terms of an Einsum equation, per input: letters, and '.' for the ellipsis. */
function einsumDims(equation: string, inputs: readonly Dims[]): Dims {
  const [left = '', right] = equation.replaceAll(' ', '').split('->');
  const terms = left.split(',');
  if (terms.length !== inputs.length)
    throw new ShapeError(`equation "${equation}" is for ${terms.length} inputs, there are ${inputs.length}`);
  const sizes = new Map<string, Dim>();
  let ellipsis: Dims = [];
  terms.forEach((term, t) => {
    const dims = inputs[t] ?? [];
    const [before = '', after] = term.split('...');
    const named = before.length + (after?.length ?? 0);
    if (dims.length < named || (after === undefined && dims.length !== named))
      throw new ShapeError(`term "${term}" does not fit rank ${dims.length}`);
    const tail = after === undefined ? [] : dims.slice(dims.length - after.length);
    if (after !== undefined)
      ellipsis = broadcastDims([ellipsis, dims.slice(before.length, dims.length - after.length)]);
    const letters = before + (after ?? '');
    [...dims.slice(0, before.length), ...tail].forEach((d, i) => note(sizes, letters[i] ?? '', d));
  });
  const output = right ?? implicitOutput(left);
  return Array.from(output.replace('...', '.')).flatMap((letter): Dims => {
    if (letter === '.') return ellipsis;
    const d = sizes.get(letter);
    if (d === undefined) throw new ShapeError(`"${letter}" is not among the inputs of "${equation}"`);
    return [d];
  });
}

function note(sizes: Map<string, Dim>, letter: string, d: Dim): void {
  const present = sizes.get(letter);
  sizes.set(
    letter,
    present === undefined || present === 1
      ? d
      : d === 1
        ? present
        : mergeDim(present, d, `dim "${letter}" of Einsum`),
  );
}

/** Without `->`: the ellipsis, then every letter that occurs once, in alphabetical order. */
function implicitOutput(left: string): string {
  const letters = Array.from(left.replaceAll('...', '').replaceAll(',', ''));
  const once = letters.filter((l) => letters.filter((m) => m === l).length === 1).sort();
  return (left.includes('...') ? '...' : '') + once.join('');
}

const einsum: Rule = (c) => {
  const inputs = Array.from({ length: c.inputCount }, (_, i) => c.dims(i));
  if (!inputs.every((d) => d !== undefined)) return [tensor(c.elem(0), rankUnknown)];
  return [tensor(c.elem(0), einsumDims(c.text('equation', ''), inputs))];
};

export const products: RuleTable = {
  MatMul: matMul,
  MatMulInteger: matMulInteger,
  QLinearMatMul: qLinearMatMul,
  Gemm: gemm,
  Einsum: einsum,
  Det: det,
};
