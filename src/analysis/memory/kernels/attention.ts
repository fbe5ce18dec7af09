/** Attention: scores of every query with every key, or a block of them at a time (flash attention). */
import { attributeInt } from '../../../onnx/model.ts';
import { constantDims } from './kernel.ts';
import type { Kernel, KernelContext, Packing, Scratch } from './kernel.ts';
import { packedFloats, packedInt8 } from './matmul.ts';

/** What ONNX Runtime finds on most x86 machines; it decides the size of a block of keys. */
const level2CacheBytes = 2 ** 20;
/** One description of a product per head. */
const productBytes = 56;
/** The same, where products come with a cache. */
const tileBytes = 64;

interface Heads {
  readonly batch: number;
  readonly heads: number;
  readonly seq: number;
  readonly total: number;
  readonly size: number;
}

/** Running maxima and sums, scores of a block of queries with a block of keys, and their output; per thread. */
function flash(c: KernelContext, { seq, total, size }: Heads): number {
  const widths = 2 * size;
  const keys = Math.max(1, Math.floor(level2CacheBytes / (4 * 4 * widths)));
  const queries = Math.min(keys, widths, seq);
  return c.threads * queries * (2 + Math.min(keys, total) + size) * 4;
}

function scores({ batch, heads, seq, total }: Heads): number {
  return batch * heads * seq * total * 4;
}

/** com.microsoft::Attention: Q, K and V computed here, heads apart, scores, and the output before heads are joined. */
const fused: Scratch = (c) => {
  const [batch = 0, seq = 0] = c.inputDims(0);
  const heads = attributeInt(c.node.node, 'num_heads', 1);
  const hidden = (c.inputDims(1)[1] ?? 0) / 3;
  const h: Heads = { batch, heads, seq, total: seq, size: hidden / heads };
  const mask = c.node.inputs[c.node.opType === 'QAttention' ? 5 : 3] ? [batch * seq * 4] : [];
  return [
    3 * batch * seq * hidden * 4,
    scores(h),
    batch * seq * hidden * 4,
    batch * heads * productBytes,
    ...mask,
  ];
};

/**
 * Q, K and V turned to heads apart; then flash attention, which takes no mask, bias or cache, else all scores and the
 * output before heads are joined (multihead_attention.cc).
 */
const multiHead: Scratch = (c) => {
  const { node, inputs, outputs } = c.node;
  const [batch = 0, seq = 0, hidden = 0] = c.inputDims(0);
  const key = c.inputDims(1);
  const heads = attributeInt(node, 'num_heads', 1);
  const own = (key.length === 4 ? key[2] : key[1]) ?? seq;
  const total = own + (c.inputDims(6)[2] ?? 0);
  const h: Heads = { batch, heads, seq, total, size: hidden / heads };
  const turned = [0, 1, 2].map((i) => (c.inputDims(i).length === 3 ? c.inputBytes(i) : 0));
  const isCausal = attributeInt(node, 'unidirectional', 0) === 1;
  const isPlain = [4, 5, 6, 7].every((i) => inputs[i] === undefined) && outputs[1] === undefined;
  if (isPlain && !isCausal) return [...turned, flash(c, h)];
  const mask = inputs[4] !== undefined || (isCausal && seq > 1) ? [batch * seq * total * 4] : [];
  return [...turned, scores(h), ...mask, batch * seq * hidden * 4, batch * heads * tileBytes];
};

const groupQuery: Scratch = (c) => {
  const [batch = 0, seq = 0, hidden = 0] = c.outputDims(0);
  const heads = attributeInt(c.node.node, 'num_heads', 1);
  const total = c.outputDims(1)[2] ?? seq;
  const h: Heads = { batch, heads, seq, total, size: hidden / heads };
  const turned = [0, 1, 2].map((i) => c.inputBytes(i));
  // positions are worked into copies of Q and K; of what is packed, V is copied with them
  const rotated = attributeInt(c.node.node, 'do_rotary', 0) === 1 ? turned.slice(0, 2) : [];
  return [...turned, ...rotated, flash(c, h)];
};

/** ai.onnx Attention: all scores at once; a causal mask is made as a matrix. */
const standard: Scratch = (c) => {
  const [q, k] = [c.inputDims(0), c.inputDims(1)];
  const isSplit = q.length === 4;
  const heads = isSplit ? (q[1] ?? 1) : attributeInt(c.node.node, 'q_num_heads', 1);
  const seq = (isSplit ? q[2] : q[1]) ?? 0;
  const own = (isSplit ? k[2] : k[1]) ?? 0;
  const total = own + (c.inputDims(4)[2] ?? 0);
  const h: Heads = { batch: q[0] ?? 0, heads, seq, total, size: 0 };
  const causal = attributeInt(c.node.node, 'is_causal', 0) === 1 && c.node.inputs[3] === undefined;
  return [scores(h), ...(causal ? [seq * total * 4] : [])];
};

/** Each head's part of Q, K and V by itself. */
function packsHeads(packedBytes: (k: number, n: number) => number): Packing {
  return (n) => {
    const dims = constantDims(n, 1);
    if (dims === undefined) return [];
    const [k = 0, columns = 0] = dims;
    const parts = 3 * attributeInt(n.node, 'num_heads', 1);
    return [{ input: 1, bytes: parts * packedBytes(k, columns / parts) }];
  };
}

export const attentionKernels: Readonly<Record<string, Kernel>> = {
  Attention: { scratch: standard },
  'com.microsoft::Attention': {
    scratch: fused,
    packing: packsHeads(packedFloats),
  },
  'com.microsoft::QAttention': { scratch: fused, packing: packsHeads(packedInt8) },
  'com.microsoft::MultiHeadAttention': { scratch: multiHead },
  'com.microsoft::GroupQueryAttention': { scratch: groupQuery },
};
