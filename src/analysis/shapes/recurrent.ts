/** RNN, GRU, LSTM. X is [seq, batch, in], or [batch, seq, in] with layout 1 (opset 14). */
import { unknown } from '../dim.ts';
import type { Dim } from '../types.ts';
import { tensor } from './rule.ts';
import type { Rule, RuleContext, RuleTable } from './rule.ts';

/** `transposed`: R is [directions, hidden, gates·hidden], as com.microsoft's quantized LSTM has it. */
export function recurrent(gates: number, transposed = false): Rule {
  return (c) => {
    const hidden = hiddenSize(c, transposed ? 1 : 2);
    const directions = c.text('direction', 'forward') === 'bidirectional' ? 2 : 1;
    const rank = unknown('input rank is not known');
    const [first, second] = [c.dims(0)?.[0] ?? rank, c.dims(0)?.[1] ?? rank];
    const batchFirst = c.int('layout', 0) === 1;
    const [seq, batch] = batchFirst ? [second, first] : [first, second];
    const y = batchFirst ? [batch, seq, directions, hidden] : [seq, directions, batch, hidden];
    const state = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
    return [y, state, state].slice(0, gates === 4 ? 3 : 2).map((shape) => tensor(c.elem(0), shape));
  };
}

/** As the attribute says, else from R: [directions, gates·hidden, hidden]. */
function hiddenSize(c: RuleContext, axis: number): Dim {
  return c.int('hidden_size') ?? c.dims(2)?.[axis] ?? unknown('hidden size is not known');
}

export const recurrentNetworks: RuleTable = { RNN: recurrent(1), GRU: recurrent(3), LSTM: recurrent(4) };
