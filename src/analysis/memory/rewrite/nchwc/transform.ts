/**
 * At optimization "all" on a CPU with AVX, ONNX Runtime lays images out in blocks of channels (NCHWc): convolutions
 * and pools take them so, sums and activations join the convolution before them, and reorder nodes stand where the
 * usual layout is needed (nchwc_transformer.cc). Channels are padded to whole blocks; no scratch space is needed.
 */
import { attributeInt, attributeInts, DataType } from '../../../../onnx/model.ts';
import type { KnownDims } from '../../known-dims.ts';
import type { Draft } from '../../runtime.ts';
import { dimsOfValue, elemTypeOfValue } from '../../values.ts';
import type { GraphEditor } from '../editor.ts';
import { isConstant, isHardSwish, isOp, staticDims } from '../patterns.ts';
import { BlockedLayout, hasPerm, nchwcDomain } from './layout.ts';
import { slidOrigins } from './origins.ts';
import { isBlockedUpsample } from './resize.ts';

/** Channels that the reorder kernels move at once. */
const channelAlignment = 4;

export function blockChannels(editor: GraphEditor, known: KnownDims, blockSize: number): void {
  const layout = new BlockedLayout(editor, known, blockSize);
  for (const n of editor.nodes) {
    if (!editor.has(n)) continue;
    rules[n.domain === '' ? n.opType : `${n.domain}::${n.opType}`]?.(layout, n);
  }
  layout.finish();
}

/** Others go on with blocks where there are some. */
export function startsBlocks({ opType }: Draft): boolean {
  return opType === 'Conv' || opType === 'FusedConv' || opType.endsWith('Pool');
}

type Rule = (layout: BlockedLayout, n: Draft) => void;

const conv: Rule = (layout, n) => {
  const w = isConstant(n.inputs[1]) ? staticDims(n.inputs[1]) : undefined;
  if (w?.length !== 4 || elemTypeOfValue(n.inputs[1]) !== DataType.float || n.inputs.length > 3) return;
  if (n.inputs[2] !== undefined && !isConstant(n.inputs[2])) return;
  const [filters = 0, perGroup = 0] = w;
  const takes = convInput(layout.blockSize, filters, perGroup, attributeInt(n.node, 'group', 1));
  const [input] = n.inputs;
  if (takes === undefined || input === undefined) return;
  const source = takes === 'blocks' ? layout.get(input) : undefined;
  const data = takes === 'blocks' ? layout.take(n, input) : input;
  const made = layout.make(n, 'Conv', [data, ...n.inputs.slice(1)], filters);
  if (made === undefined) return;
  if (n.opType === 'FusedConv') layout.markActivated(made.maker);
  layout.remember(made, source && slidOrigins(n, made.original, w.slice(2), source.origins));
};

/** Undefined where the kernel for blocks does not take the convolution. */
function convInput(
  blockSize: number,
  filters: number,
  perGroup: number,
  group: number,
): 'blocks' | 'plain' | undefined {
  if (group > 1) {
    if (perGroup === 1 && filters === group) return group % channelAlignment === 0 ? 'blocks' : undefined;
    return perGroup % blockSize === 0 && (filters / group) % blockSize === 0 ? 'blocks' : undefined;
  }
  if (perGroup < blockSize) return 'plain';
  return perGroup % channelAlignment === 0 ? 'blocks' : undefined;
}

const pool: Rule = (layout, n) => {
  const [input] = n.inputs;
  if (input === undefined || n.outputs[1] !== undefined || dimsOfValue(input)?.length !== 4) return;
  if (elemTypeOfValue(input) !== DataType.float) return;
  const source = layout.get(input);
  const channels = source?.channels ?? layout.known.get(input)?.[1];
  if (typeof channels !== 'number' || channels % layout.blockSize !== 0) return;
  const made = layout.make(n, n.opType, [layout.take(n, input)], channels);
  const kernel = attributeInts(n.node, 'kernel_shape') ?? [];
  if (made) layout.remember(made, source && slidOrigins(n, made.original, kernel, source.origins));
};

/** Only where its input is in blocks already. */
const globalPool: Rule = (layout, n) => {
  if (layout.get(n.inputs[0])) pool(layout, n);
};

const sum: Rule = (layout, n) => {
  const inputs = layout.inputsOf(n);
  if (!inputs?.every((b) => b.channels === inputs[0].channels)) return;
  if (!layout.haveSameShape(n, inputs)) layout.addReshaped(n, inputs);
  else if (!layout.addInConv(n, inputs)) layout.keep(n, inputs, inputs[0].channels);
};

const product: Rule = (layout, n) => {
  const inputs = layout.inputsOf(n);
  if (!inputs?.every((b) => b.channels === inputs[0].channels)) return;
  if (layout.haveSameShape(n, inputs)) layout.keep(n, inputs, inputs[0].channels);
};

const concat: Rule = (layout, n) => {
  const inputs = layout.inputsOf(n);
  if (attributeInt(n.node, 'axis', 1) !== 1 || inputs === undefined) return;
  if (!inputs.every((b) => b.channels % layout.blockSize === 0)) return;
  layout.keep(
    n,
    inputs,
    inputs.reduce((total, b) => total + b.channels, 0),
  );
};

/** Works on whole blocks as on anything. */
const elementwise: Rule = (layout, n) => {
  const source = layout.get(n.inputs[0]);
  if (source) layout.keep(n, [source], source.channels);
};

const activation: Rule = (layout, n) => {
  const source = layout.get(n.inputs[0]);
  if (source && !layout.activate(n, source)) elementwise(layout, n);
};

/** With the product that makes it a HardSwish, or by itself. */
const hardSigmoid: Rule = (layout, n) => {
  const [input] = n.inputs;
  const source = layout.get(input);
  const last = layout.editor.soleReader(n.outputs[0]);
  const isSwish = last && isOp(last, 'Mul') && last.inputs.includes(input) && isHardSwish(n);
  const isGiven = last?.outputs.some((v) => v && layout.editor.isPinned(v)) === true;
  if (source?.uses === 2 && isSwish === true && !isGiven && layout.activateByTwo(n, last, source)) return;
  activation(layout, n);
};

/** Becomes a convolution of one pixel per channel. */
const batchNormalization: Rule = (layout, n) => {
  const [input, scale, bias] = n.inputs;
  const source = layout.get(input);
  if (input === undefined || source === undefined || n.outputs.length > 1) return;
  if (!n.inputs.slice(1).every((v) => isConstant(v))) return;
  const made = layout.make(n, 'Conv', [layout.take(n, input), scale, bias], source.channels);
  if (made) layout.remember(made, source.origins);
};

/** Repeats pixels, or interpolates between them. */
const upsample: Rule = (layout, n) => {
  const [input] = n.inputs;
  const source = layout.get(input);
  if (input === undefined || source === undefined || !isBlockedUpsample(n, layout.known)) return;
  const made = layout.make(n, 'Upsample', [layout.take(n, input)], source.channels);
  if (made) layout.remember(made, undefined);
};

/** To channels last: out of blocks at once. */
const transpose: Rule = (layout, n) => {
  const [input] = n.inputs;
  if (input === undefined || !layout.get(input) || !hasPerm(n, [0, 2, 3, 1])) return;
  const inputs = [layout.take(n, input)];
  layout.editor.replace(n, [{ ...n, opType: 'ReorderOutput', domain: nchwcDomain, inputs }]);
};

const rules: Readonly<Record<string, Rule>> = {
  Conv: conv,
  'com.microsoft::FusedConv': conv,
  MaxPool: pool,
  AveragePool: pool,
  GlobalMaxPool: globalPool,
  GlobalAveragePool: globalPool,
  Add: sum,
  Sum: sum,
  Mul: product,
  Concat: concat,
  Relu: activation,
  Sigmoid: activation,
  Tanh: activation,
  HardSigmoid: hardSigmoid,
  Gelu: elementwise,
  'com.microsoft::Gelu': elementwise,
  'com.microsoft::QuickGelu': elementwise,
  BatchNormalization: batchNormalization,
  Resize: upsample,
  Upsample: upsample,
  Transpose: transpose,
};
