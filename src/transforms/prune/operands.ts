/** Which constants of a node are its weights, and which one is its bias. */
import { operatorOf } from '../../onnx/model.ts';
import type { Entry, Workspace } from '../graph/workspace.ts';

export interface Operand {
  /** The node that takes it: the layer's own, or the Add behind a MatMul. */
  readonly entry: Entry;
  readonly input: number;
  readonly label: string;
}

/** By operator: inputs that are weights, and the input that is a bias. */
const OPERANDS: Readonly<Record<string, { weights: readonly [number, string][]; bias?: number }>> = {
  MatMul: { weights: [[1, 'B']] },
  Gemm: { weights: [[1, 'B']], bias: 2 },
  Conv: { weights: [[1, 'W']], bias: 2 },
  ConvTranspose: { weights: [[1, 'W']], bias: 2 },
  LSTM: {
    weights: [
      [1, 'W'],
      [2, 'R'],
    ],
    bias: 3,
  },
  GRU: {
    weights: [
      [1, 'W'],
      [2, 'R'],
    ],
    bias: 3,
  },
  RNN: {
    weights: [
      [1, 'W'],
      [2, 'R'],
    ],
    bias: 3,
  },
  'com.microsoft.Attention': { weights: [[1, 'weights']], bias: 2 },
};

export const PRUNE_OPS: ReadonlySet<string> = new Set(Object.keys(OPERANDS));

export function weightOperands(entry: Entry): Operand[] {
  const { weights = [] } = OPERANDS[operatorOf(entry.original)] ?? {};
  return weights.map(([input, label]) => ({ entry, input, label }));
}

/** The bias, where the layer has a constant one. For MatMul: the constant that the only reader of its output adds. */
export function biasOperand(ws: Workspace, entry: Entry): Operand | undefined {
  const [node = entry.original] = entry.nodes;
  const { bias } = OPERANDS[operatorOf(node)] ?? {};
  if (bias !== undefined) return constant(ws, { entry, input: bias, label: 'bias' });
  const [output = ''] = node.outputs;
  const [use, ...others] = ws.uses(entry.scope, output);
  if (use === undefined || others.length > 0 || use.entry.nodes[0]?.opType !== 'Add') return undefined;
  return constant(ws, { entry: use.entry, input: 1 - use.input, label: 'bias' });
}

function constant(ws: Workspace, operand: Operand): Operand | undefined {
  const name = operand.entry.nodes[0]?.inputs[operand.input] ?? '';
  return name !== '' && ws.resolve(operand.entry.scope, name).kind === 'constant' ? operand : undefined;
}
