/** Conv and ConvTranspose, grouped and depthwise, and what slides windows over images: pooling, resizing. */
import { attributeInt, type Node } from '../../../../onnx/model.ts';
import { FIXED, isTracked, type Axis } from '../axis.ts';
import { intAttribute } from '../../../graph/nodes.ts';
import { Refusal, type Rule, type RuleContext, type RuleTable } from '../rule.ts';
import { rewriteShape } from './shape-input.ts';

const conv: Rule = (c) => {
  const [x, w] = [c.axes(0), c.axes(1)];
  const [outputs = FIXED, inputs = FIXED] = w;
  const channels = x[1] ?? FIXED;
  const perGroup = c.dims(1)[1];
  const groups = attributeInt(c.node, 'group', 1);
  const spatial = windowed(c, x.slice(2));
  for (const kernel of w.slice(2)) c.block(kernel, 'is a kernel');
  const made = groups === 1 ? outputs : grouped(c, channels, { inputs, outputs, groups, perGroup });
  if (groups === 1) c.join([channels, inputs]);
  if (c.isConstant(1)) c.makes(made);
  if (isTracked(inputs) && isTracked(channels)) {
    const atoms = groups === 1 ? inputs.atoms : channels.atoms;
    const input = c.node.inputs[0] ?? '';
    c.reads({ kind: 'patches', input, inputAxis: 1, weight: 1, weightAxis: 1, atoms, groups });
  }
  return [[x[0] ?? FIXED, withBias(c, made), ...spatial]];
};

interface Grouped {
  readonly inputs: Axis;
  readonly outputs: Axis;
  readonly groups: number;
  readonly perGroup: unknown;
}

/**
 * Depthwise: a channel goes with the outputs made of it, and `group` with their number. Else every group loses as many
 * channels as the others, so that the groups stay of one size.
 */
function grouped(c: RuleContext, channels: Axis, { inputs, outputs, groups, perGroup }: Grouped): Axis {
  if (!isTracked(outputs)) {
    c.block(channels, 'has groups of channels');
    c.block(inputs, 'has groups of channels');
    return outputs;
  }
  if (outputs.atoms.length % groups !== 0) throw new Refusal('its groups do not divide its channels');
  if (perGroup === 1) return depthwise(c, channels, outputs, groups);
  c.evenly(outputs.atoms, groups, { name: 'made' });
  if (isTracked(channels) && isTracked(inputs)) {
    if (c.evenly(channels.atoms, groups, { name: 'read', weight: 1 }))
      inputs.atoms.forEach((atom, j) => c.uniteAll([atom, channels.atoms[j] ?? atom]));
  } else {
    c.block(channels, 'has groups of channels');
    c.join([inputs, FIXED]);
  }
  return outputs;
}

function depthwise(c: RuleContext, channels: Axis, outputs: Axis, groups: number): Axis {
  const made = outputs.atoms ?? new Int32Array(0);
  const multiplier = made.length / groups;
  if (!isTracked(channels)) {
    c.join([outputs, channels]);
    return fixedLike(channels);
  }
  channels.atoms.forEach((atom, i) =>
    c.uniteAll([atom, ...made.subarray(i * multiplier, (i + 1) * multiplier)]),
  );
  const { atoms } = channels;
  c.rewrite([atoms], (node, w) => [withInt(node, 'group', w.count(atoms))]);
  return outputs;
}

function fixedLike(axis: Axis): Axis {
  return { ...axis, atoms: undefined, zero: false };
}

function* every(atoms: Int32Array, from: number, step: number): Generator<number> {
  for (let i = from; i < atoms.length; i += step) yield atoms[i] ?? 0;
}

function withBias(c: RuleContext, made: Axis): Axis {
  return c.has(2) ? c.join([made, c.axes(2)[0] ?? FIXED]) : made;
}

/** W is [C, M / group, …]. */
const convTranspose: Rule = (c) => {
  const [x, w] = [c.axes(0), c.axes(1)];
  const [inputs = FIXED, outputs = FIXED] = w;
  const groups = attributeInt(c.node, 'group', 1);
  const spatial = windowed(c, x.slice(2));
  for (const kernel of w.slice(2)) c.block(kernel, 'is a kernel');
  const channels = c.join([x[1] ?? FIXED, inputs]);
  let made = outputs;
  if (groups > 1) {
    // the output channels of all groups share the weight's second dim
    if (isTracked(channels)) {
      const width = channels.atoms.length / groups;
      for (let j = 0; j < width; j++) c.uniteAll(every(channels.atoms, j, width));
    }
    if (isTracked(outputs)) {
      const { atoms } = outputs;
      made = { ...outputs, atoms: c.register(repeated(atoms, groups)) };
    }
  }
  if (c.isConstant(1)) c.makes(made);
  return [[x[0] ?? FIXED, withBias(c, made), ...spatial]];
};

function repeated(atoms: Int32Array, times: number): Int32Array {
  return Int32Array.from({ length: atoms.length * times }, (_, i) => atoms[i % atoms.length] ?? 0);
}

export function withInt(node: Node, name: string, value: number): Node {
  const attributes = new Map(node.attributes).set(name, intAttribute(name, value));
  return { ...node, attributes, range: undefined };
}

/** Windows slide over these dims: none of their indices can go. */
function windowed(c: RuleContext, axes: readonly Axis[]): Axis[] {
  return axes.map((axis) => {
    c.block(axis, 'slides windows over it');
    return c.stays('slides windows over it');
  });
}

const pool: Rule = (c) => {
  const [n = FIXED, channels = FIXED, ...spatial] = c.axes(0);
  if ((c.node.outputs[1] ?? '') !== '') throw new Refusal('gives indices into the whole tensor');
  return [[n, channels, ...windowed(c, spatial)]];
};

/** Dims of the same size stay as they are; sizes given for them follow. */
const resize: Rule = (c) => {
  const [x, from, to] = [c.axes(0), c.dims(0), c.outDims(0)];
  if (attributeInt(c.node, 'antialias', 0) !== 0) throw new Refusal('antialias');
  const axes = x.map((axis, k) => {
    if (!isTracked(axis)) return axis;
    if (typeof from[k] === 'number' && from[k] === to[k]) return axis;
    c.block(axis, 'resizes it');
    return c.stays('resizes it');
  });
  if (c.has(3)) {
    if (c.node.attributes.has('axes')) throw new Refusal('sizes of some axes only');
    rewriteShape(c, 3, axes);
  }
  return [axes];
};

export const convRules: RuleTable = {
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: pool,
  AveragePool: pool,
  LpPool: pool,
  GlobalAveragePool: pool,
  GlobalMaxPool: pool,
  GlobalLpPool: pool,
  Resize: resize,
  Upsample: resize,
};
