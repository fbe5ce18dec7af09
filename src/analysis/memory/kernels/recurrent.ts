/** LSTM, GRU, RNN: gates of the whole sequence, states of one step, and per direction what turning the input takes. */
import { attributeInt, attributeString } from '../../../onnx/model.ts';
import type { Draft } from '../runtime.ts';
import { constantDims } from './kernel.ts';
import type { Kernel, KernelContext, Packed, Packing } from './kernel.ts';
import { packedFloats, packedInt8 } from './matmul.ts';

interface Sizes {
  readonly seq: number;
  readonly batch: number;
  readonly input: number;
  readonly hidden: number;
}

function sizesOf(c: KernelContext): Sizes {
  const [seq = 0, batch = 0, input = 0] = c.inputDims(0);
  const hidden = attributeInt(c.node.node, 'hidden_size', 0) || (c.inputDims(2).at(-1) ?? 0);
  return { seq, batch, input, hidden };
}

function has(n: Draft, input: number): boolean {
  return n.inputs[input] !== undefined;
}

const times = (count: number, bytes: number) => Array<number>(count).fill(bytes);

/** `own`: what one direction holds beside its copies of what it reads backwards. */
function perDirection(c: KernelContext, own: (s: Sizes) => readonly number[]): number[] {
  const s = sizesOf(c);
  const forward = own(s);
  const backward = [...forward, s.seq * s.batch * s.input * 4, s.seq * s.batch * s.hidden * 4];
  switch (attributeString(c.node.node, 'direction')) {
    case 'reverse':
      return backward;
    case 'bidirectional':
      return [...forward, ...backward];
    default:
      return [...forward];
  }
}

/** States that nobody asked for are computed all the same. */
function unasked(c: KernelContext, states: number): number[] {
  const { batch, hidden } = sizesOf(c);
  const missing = Array.from({ length: states }, (_, i) => c.node.outputs[i + 1]).filter((v) => !v).length;
  return times(missing, directions(c) * batch * hidden * 4);
}

function directions(c: KernelContext): number {
  return attributeString(c.node.node, 'direction') === 'bidirectional' ? 2 : 1;
}

function lstm(c: KernelContext): number[] {
  const own = ({ seq, batch, hidden }: Sizes) => [
    seq * batch * 4 * hidden * 4,
    ...times(3, batch * hidden * 4),
    ...times(has(c.node, 3) ? 6 : 2, hidden * 4),
    batch * 4,
  ];
  return [...perDirection(c, own), ...unasked(c, 2)];
}

function gru(c: KernelContext): number[] {
  const linearFirst = attributeInt(c.node.node, 'linear_before_reset', 0) !== 0;
  const biased = has(c.node, 3);
  const states = 2 + (biased ? 3 : 0) + (linearFirst ? (biased ? 2 : 1) : 0);
  const own = ({ seq, batch, hidden }: Sizes) => [
    seq * batch * 3 * hidden * 4,
    ...times(states, batch * hidden * 4),
    batch * 4,
  ];
  return [...perDirection(c, own), ...unasked(c, 1)];
}

/** One direction after the other. */
function rnn(c: KernelContext): number[] {
  const { seq, batch, hidden } = sizesOf(c);
  return [seq * batch * hidden * 4];
}

/** W [directions, gates·hidden, input] and R [directions, gates·hidden, hidden], each direction by itself. */
const packsWeights: Packing = (n) => packs(n, (rows, columns) => packedFloats(columns, rows));

/** W [directions, input, 4·hidden] and R [directions, hidden, 4·hidden], int8. */
const packsQuantized: Packing = (n) => packs(n, packedInt8);

function packs(n: Draft, bytes: (rows: number, columns: number) => number): Packed[] {
  return [1, 2].flatMap((input) => {
    const [count, rows, columns] = constantDims(n, input) ?? [];
    if (count === undefined || rows === undefined || columns === undefined) return [];
    return [{ input, bytes: count * bytes(rows, columns) }];
  });
}

export const recurrentKernels: Readonly<Record<string, Kernel>> = {
  LSTM: { scratch: lstm, packing: packsWeights },
  GRU: { scratch: gru, packing: packsWeights },
  RNN: { scratch: rnn },
  'com.microsoft::DynamicQuantizeLSTM': {
    packing: packsQuantized,
    scratch: (c) => {
      const { batch, hidden } = sizesOf(c);
      return [...lstm(c), batch * 4 * hidden * 4, batch * hidden];
    },
  },
};
