/**
 * Multiply-accumulates of one node, as a formula in the dims: those of products and convolutions, as the usual
 * counters have it. Everything else that is known (elementwise, normalisation, pooling, data movement) counts 0; an
 * operator that is not known has no formula.
 */
import { attributeInt, attributeString } from '../../onnx/model.ts';
import { add, mul, unknown } from '../dim.ts';
import { findRule } from '../shapes/registry.ts';
import type { Dim } from '../types.ts';
import type { ExecutedNode } from './program.ts';
import { dimsOfValue } from './values.ts';

const noDims = unknown('its dims are not known');

/** Unknown where an operand's dims are, or where no formula is known for the operator. */
export function macsOf(n: ExecutedNode): Dim {
  const { domain, opType } = n.node;
  const formula =
    formulas[domain === 'com.microsoft' ? `com.microsoft::${opType}` : opType] ?? formulas[opType];
  if (formula !== undefined && (domain === '' || domain === 'com.microsoft')) return formula(n);
  if (n.bodies.length > 0 || findRule(domain, opType, n.version)) return 0;
  return unknown(`no formula for ${domain === '' ? '' : `${domain}::`}${opType}`);
}

type Formula = (n: ExecutedNode) => Dim;

const inputDims = (n: ExecutedNode, i: number) => dimsOfValue(n.inputs[i]);
const outputDims = (n: ExecutedNode, i = 0) => dimsOfValue(n.outputs[i]);

/** The shapes of values that were inferred alike are the same list. */
const products = new WeakMap<readonly Dim[], Dim>();

function product(dims: readonly Dim[] | undefined): Dim {
  if (dims === undefined) return noDims;
  const known = products.get(dims);
  if (known !== undefined) return known;
  const made = mul(...dims);
  products.set(dims, made);
  return made;
}

function dimAt(dims: readonly Dim[] | undefined, i: number): Dim {
  return dims?.at(i) ?? noDims;
}

/** Every output element sums over [C / group, k1, …], the weights' dims but the first. */
function convolution(weights: number): Formula {
  return (n) => mul(product(outputDims(n)), product(inputDims(n, weights)?.slice(1)));
}

/** Every input element meets [M / group, k1, …]. */
const transposedConvolution: Formula = (n) =>
  mul(product(inputDims(n, 0)), product(inputDims(n, 1)?.slice(1)));

/** Every output element sums over the inner dim, the last of A (or the one before, where A is transposed). */
function matrixProduct(transA?: string): Formula {
  return (n) => {
    const a = inputDims(n, 0);
    const swapped = transA !== undefined && attributeInt(n.node, transA, 0) !== 0;
    return mul(product(outputDims(n)), dimAt(a, swapped ? -2 : -1));
  };
}

/** All letters of the equation together, for two operands or more. */
const einsum: Formula = (n) => {
  const equation = attributeString(n.node, 'equation') ?? '';
  const terms = (equation.split('->')[0] ?? '').replaceAll(' ', '').split(',');
  if (terms.length < 2) return 0;
  if (equation.includes('...')) return unknown('Einsum with an ellipsis');
  const sizes = new Map<string, Dim>();
  terms.forEach((term, t) =>
    Array.from(term).forEach((letter, i) => sizes.set(letter, dimAt(inputDims(n, t), i))),
  );
  return mul(...sizes.values());
};

/** seq · batch · directions · gates · hidden · (input + hidden); W is [directions, gates·hidden, input]. */
const recurrent: Formula = (n) => {
  const [x, w, r] = [inputDims(n, 0), inputDims(n, 1), inputDims(n, 2)];
  return mul(dimAt(x, 0), dimAt(x, 1), add(product(w), product(r)));
};

/** Q·Kᵀ and its product with V: batch · seq · total · (hidden of K + hidden of V), per head and summed over heads. */
function scores(batch: Dim, seq: Dim, total: Dim, hiddenK: Dim, hiddenV: Dim): Dim {
  return mul(batch, seq, total, add(hiddenK, hiddenV));
}

/** com.microsoft Attention and QAttention: input [B, S, C], weights [C, 3·H]; the past adds to the keys. */
const fusedAttention: Formula = (n) => {
  const [x, w] = [inputDims(n, 0), inputDims(n, 1)];
  const [batch, seq, hidden] = [dimAt(x, 0), dimAt(x, 1), dimAt(outputDims(n), -1)];
  const past = dimsOfValue(n.node.opType === 'QAttention' ? n.inputs[8] : n.inputs[4]);
  const total = past === undefined ? seq : add(seq, dimAt(past, -2));
  return add(mul(batch, seq, product(w)), scores(batch, seq, total, hidden, hidden));
};

/** com.microsoft MultiHeadAttention: Q [B, S, H], K and V [B, L, …] or heads apart; also of the decoder. */
const multiHeadAttention: Formula = (n) => {
  const [q, out] = [inputDims(n, 0), outputDims(n)];
  const key = inputDims(n, 1);
  const present = dimsOfValue(n.outputs[1]);
  const total =
    present === undefined ? (key?.length === 4 ? dimAt(key, 2) : dimAt(key, 1)) : dimAt(present, 2);
  return scores(dimAt(q, 0), dimAt(q, 1), total, dimAt(q, 2), dimAt(out, -1));
};

/** com.microsoft GroupQueryAttention: out is [B, S, heads·size]; keys are the present ones, [B, kv, T, size]. */
const groupQueryAttention: Formula = (n) => {
  const out = outputDims(n);
  const hidden = dimAt(out, 2);
  return scores(dimAt(out, 0), dimAt(out, 1), dimAt(dimsOfValue(n.outputs[1]), 2), hidden, hidden);
};

/** ai.onnx Attention (23): 4-D [B, heads, S, size] or 3-D [B, S, heads·size] with `q_num_heads`. */
const attention: Formula = (n) => {
  const [q, k, v] = [inputDims(n, 0), inputDims(n, 1), inputDims(n, 2)];
  const past = dimsOfValue(n.inputs[4]);
  if (q === undefined || k === undefined || v === undefined) return noDims;
  const own = q.length === 4 ? dimAt(k, 2) : dimAt(k, 1);
  const total = past === undefined ? own : add(own, dimAt(past, 2));
  if (q.length === 4)
    return scores(mul(dimAt(q, 0), dimAt(q, 1)), dimAt(q, 2), total, dimAt(q, 3), dimAt(v, 3));
  return scores(dimAt(q, 0), dimAt(q, 1), total, dimAt(q, 2), dimAt(outputDims(n), 2));
};

/** B holds K and N as attributes. */
const nBits: Formula = (n) => mul(product(outputDims(n)), attributeInt(n.node, 'K') ?? noDims);

const formulas: Readonly<Record<string, Formula>> = {
  Conv: convolution(1),
  ConvInteger: convolution(1),
  DeformConv: convolution(1),
  QLinearConv: convolution(3),
  ConvTranspose: transposedConvolution,
  Gemm: matrixProduct('transA'),
  MatMul: matrixProduct(),
  MatMulInteger: matrixProduct(),
  QLinearMatMul: matrixProduct(),
  Einsum: einsum,
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  Attention: attention,
  'com.microsoft::FusedConv': convolution(1),
  'com.microsoft::NhwcFusedConv': convolution(1),
  'com.microsoft::QLinearConv': convolution(3),
  'com.microsoft::FusedGemm': matrixProduct('transA'),
  'com.microsoft::QGemm': matrixProduct('transA'),
  'com.microsoft::FusedMatMul': matrixProduct('transA'),
  'com.microsoft::GemmFastGelu': matrixProduct(),
  'com.microsoft::MatMulInteger16': matrixProduct(),
  'com.microsoft::MatMulIntegerToFloat': matrixProduct(),
  'com.microsoft::DynamicQuantizeMatMul': matrixProduct(),
  'com.microsoft::MatMulNBits': nBits,
  'com.microsoft::MatMulBnb4': nBits,
  'com.microsoft::DynamicQuantizeLSTM': recurrent,
  'com.microsoft::Attention': fusedAttention,
  'com.microsoft::QAttention': fusedAttention,
  'com.microsoft::MultiHeadAttention': multiHeadAttention,
  'com.microsoft::GroupQueryAttention': groupQueryAttention,
};
