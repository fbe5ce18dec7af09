/** What static quantization makes of each operator: which of its values get integers, and which share them. */
import { attributeFloat, attributeInt, attributeInts, type Node } from '../../../onnx/model.ts';
import { blocksOpset } from '../../graph/opset.ts';
import type { Entry } from '../../graph/workspace.ts';
import { isBlocked, type Blocked, type Weight } from '../../weights/find.ts';
import { clampBounds } from './clamp-bounds.ts';
import { reachesSoftmax } from './masked.ts';
import type { NodePlan, Operand, Planner } from './plan.ts';

type Rule = (planner: Planner, entry: Entry, node: Node) => NodePlan | Blocked;

export const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['Conv', conv],
  ['ConvTranspose', conv],
  ['Gemm', gemm],
  ['MatMul', matMul],
  ['BatchNormalization', normalization],
  ['Relu', clamp],
  ['Clip', clamp],
  ['Add', joining],
  ['Mul', joining],
  ['Concat', joining],
  ['Sigmoid', joining],
  ['LeakyRelu', joining],
  ['GlobalAveragePool', joining],
  ['Softmax', joining],
  ['MaxPool', sharing],
  ['AveragePool', sharing],
  ['Resize', sharing],
  ['Reshape', sharing],
  ['Flatten', sharing],
  ['Squeeze', sharing],
  ['Unsqueeze', sharing],
  ['Transpose', sharing],
  ['Slice', sharing],
  ['Gather', sharing],
  ['GatherElements', sharing],
  ['Split', sharing],
]);

/** Those with weights. */
export const STATIC_LAYERS: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul']);

function conv(p: Planner, entry: Entry, node: Node): NodePlan | Blocked {
  const isTransposed = node.opType === 'ConvTranspose';
  if (isTransposed && p.edit.format === 'qoperator') return noIntegerOperator(node);
  const weight = p.weight(entry, 1, 'W');
  if (isBlocked(weight)) return weight;
  const { dims } = weight.tensor;
  const groups = attributeInt(node, 'group', 1);
  const channels = isTransposed ? (dims[1] ?? 0) * groups : (dims[0] ?? 0);
  // the weight of a grouped ConvTranspose has one row for the same channel of all groups
  const isPerChannel = p.edit.granularity === 'per-channel' && !(isTransposed && groups > 1);
  return layer(p, entry, node, { weight, outAxis: isTransposed ? 1 : 0, channels, isPerChannel });
}

function gemm(p: Planner, entry: Entry, node: Node): NodePlan | Blocked {
  const weight = p.weight(entry, 1, 'B');
  if (isBlocked(weight)) return weight;
  const { dims } = weight.tensor;
  if (dims.length !== 2) return { reason: `B "${weight.name}" has ${dims.length} dims, not 2` };
  const outAxis = attributeInt(node, 'transB', 0) !== 0 ? 0 : 1;
  const isPerChannel = p.edit.granularity === 'per-channel';
  return layer(p, entry, node, { weight, outAxis, channels: dims[outAxis] ?? 0, isPerChannel });
}

interface LayerWeight {
  readonly weight: Weight;
  readonly outAxis: number;
  readonly channels: number;
  readonly isPerChannel: boolean;
}

function layer(p: Planner, entry: Entry, node: Node, found: LayerWeight): NodePlan | Blocked {
  const [x = '', , b = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const isGemm = node.opType === 'Gemm';
  const reason = p.blocksValue(x, isGemm ? 'A' : 'X');
  if (reason !== undefined) return { reason };
  const bias = b === '' ? undefined : p.weight(entry, 2, isGemm ? 'C' : 'B');
  if (bias !== undefined && isBlocked(bias)) return bias;
  if (bias !== undefined && (bias.tensor.dims.length !== 1 || bias.tensor.dims[0] !== found.channels)) {
    const dims = `[${bias.tensor.dims.join(', ')}]`;
    return { reason: `the bias "${bias.name}" has the shape ${dims}, not [${found.channels}]` };
  }
  p.mark(x);
  p.mark(y);
  return {
    operands: [{ kind: 'value', name: x }, { kind: 'weight' }, { kind: 'bias' }],
    outputs: [y],
    layer: {
      ...found,
      activation: x,
      bias,
      alpha: attributeFloat(node, 'alpha', 1),
      beta: attributeFloat(node, 'beta', 1),
      rescalings: [],
    },
  };
}

function matMul(p: Planner, entry: Entry, node: Node): NodePlan | Blocked {
  const [a = '', b = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const reason = p.blocksValue(a, 'A');
  if (reason !== undefined) return { reason };
  if (p.ws.resolve(entry.scope, b).kind !== 'constant') {
    const other = p.blocksValue(b, 'B');
    if (other !== undefined) return { reason: other };
    for (const name of [a, b, y]) p.mark(name);
    return { operands: [a, b].map((name): Operand => ({ kind: 'value', name })), outputs: [y] };
  }
  const weight = p.weight(entry, 1, 'B');
  if (isBlocked(weight)) return weight;
  const { dims } = weight.tensor;
  if (dims.length < 2) return { reason: `B "${weight.name}" has ${dims.length} dims, not 2` };
  const outAxis = dims.length - 1;
  // the kernel takes one scale per column of a matrix only
  const isPerChannel = p.edit.granularity === 'per-channel' && dims.length === 2;
  p.mark(a);
  p.mark(y);
  return {
    operands: [{ kind: 'value', name: a }, { kind: 'weight' }],
    outputs: [y],
    layer: {
      weight,
      outAxis,
      channels: dims[outAxis] ?? 0,
      isPerChannel,
      activation: a,
      bias: undefined,
      alpha: 1,
      beta: 1,
      rescalings: [],
    },
  };
}

/** Goes into the weights of the Conv before it. */
function normalization(p: Planner, entry: Entry, node: Node): NodePlan | Blocked {
  const [x = ''] = node.inputs;
  const [y = '', ...others] = node.outputs;
  const before = p.giver(x);
  const { layer: into } = before?.plan ?? {};
  if (before === undefined || into === undefined || before.entry.original.opType !== 'Conv') {
    return { reason: 'no Conv of this edit gives its input, whose weights it could go into' };
  }
  if (into.norm !== undefined || !p.hasOneUse(x) || !p.values.has(x)) {
    return { reason: `"${x}" is needed as it is: it cannot go into the Conv's weights` };
  }
  if (attributeInt(node, 'training_mode', 0) !== 0 || others.some((name) => name !== '')) {
    return { reason: 'it is in training mode' };
  }
  const constants: Weight[] = [];
  for (const [i, label] of ['scale', 'B', 'mean', 'var'].entries()) {
    const found = p.weight(entry, i + 1, label);
    if (isBlocked(found)) return found;
    constants.push(found);
  }
  const [scale, bias, mean, variance] = constants;
  if (scale === undefined || bias === undefined || mean === undefined || variance === undefined) {
    return { reason: 'BatchNormalization has five inputs' };
  }
  const norm = { entry, scale, bias, mean, variance, epsilon: attributeFloat(node, 'epsilon', 1e-5) };
  p.nodes.set(before.entry, { ...before.plan, layer: { ...into, norm } });
  p.rename(x, y);
  p.mark(y);
  return { operands: [], outputs: [], isFolded: true };
}

/** Relu and Clip cut where the integers end anyway: the node before gives what they would. */
function clamp(p: Planner, _entry: Entry, node: Node): NodePlan | Blocked {
  const [x = '', ...rest] = node.inputs;
  const [y = ''] = node.outputs;
  if (!p.isQuantized(x)) return notJoining(x);
  const bounds = clampBounds(p.ws, node);
  const isRedundant = bounds !== undefined && bounds.min <= 0 && bounds.max >= 0 && !p.edit.isSymmetric;
  if (isRedundant && p.values.has(x) && p.hasOneUse(x) && p.giver(x) !== undefined) {
    p.rename(x, y);
    p.mark(y);
    return { operands: [], outputs: [], isFolded: true };
  }
  if (p.edit.format === 'qoperator') return noIntegerOperator(node);
  if (p.hasOneUse(x)) p.setRange(x, y);
  p.mark(y);
  return { operands: [{ kind: 'value', name: x }, ...rest.map(plain)], outputs: [y] };
}

/**
 * All that it takes and gives become integers, each with a scale of its own, where one input is quantized already.
 * Scores stay float where calibration saw a mask among them.
 */
function joining(p: Planner, entry: Entry, node: Node): NodePlan | Blocked {
  const [y = ''] = node.outputs;
  if (p.isMasked(y) && reachesSoftmax(p.ws, y))
    return { reason: `"${y}" is masked: integers would leave nothing of the rest` };
  const operands: Operand[] = [];
  for (const [i, name] of node.inputs.entries()) {
    if (p.ws.resolve(entry.scope, name).kind === 'constant') {
      const weight = p.weight(entry, i, `input ${i + 1}`);
      if (isBlocked(weight)) return weight;
      operands.push({ kind: 'constant', weight });
    } else {
      const reason = p.blocksValue(name, `input ${i + 1}`);
      if (reason !== undefined) return { reason };
      operands.push({ kind: 'value', name });
    }
  }
  const values = operands.flatMap((o) => (o.kind === 'value' ? [o.name] : []));
  if (!values.some((name) => p.isQuantized(name))) return notJoining(values[0] ?? '');
  for (const name of values) p.mark(name);
  p.mark(y);
  return { operands, outputs: [y] };
}

/** Moves values without changing them: its outputs have its input's scale. */
function sharing(p: Planner, _entry: Entry, node: Node): NodePlan | Blocked {
  const [x = '', ...rest] = node.inputs;
  if (!p.isQuantized(x)) return notJoining(x);
  const opset = node.opType === 'MaxPool' ? 12 : undefined;
  const reason = opset === undefined ? undefined : blocksOpset(p.ws, opset);
  if (reason !== undefined) return { reason };
  if (node.opType === 'MaxPool' && (node.outputs[1] ?? '') !== '') return { reason: 'it gives indices, too' };
  if (node.opType === 'AveragePool' && attributeInts(node, 'dilations')?.some((d) => d > 1) === true) {
    return { reason: 'the integer AveragePool knows no dilations' };
  }
  const outputs = node.outputs.filter((name) => name !== '');
  if (outputs.some((name) => p.isQuantized(name)))
    return { reason: `"${outputs[0] ?? ''}" has a scale already` };
  for (const name of outputs) p.mark(name, { like: x });
  return { operands: [{ kind: 'value', name: x }, ...rest.map(plain)], outputs, opset };
}

function plain(name: string): Operand {
  return { kind: 'plain', name };
}

function notJoining(value: string): Blocked {
  return { reason: `"${value}" is not quantized by what gives it` };
}

function noIntegerOperator({ opType }: Node): Blocked {
  return { reason: `there is no integer operator of ${opType}: use QDQ` };
}
