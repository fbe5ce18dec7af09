/** Which nodes a Transpose can be moved past, and what becomes of them; as in ONNX Runtime's tables (1.30). */
import { attributeInt, attributeString, DataType } from '../../../../onnx/model.ts';
import type { Attribute } from '../../../../onnx/model.ts';
import { unknown } from '../../../dim.ts';
import type { Draft } from '../../runtime.ts';
import { dimsOfValue, elemTypeOfValue } from '../../values.ts';
import { isConstant, qualifiedName } from '../patterns.ts';
import { axesOf, axisOf, setAxes, setAxis, vector, withPerm } from './axes.ts';
import { isSamePerm, inverse, permOf } from './transpose-editor.ts';
import type { Perm, TransposeEditor } from './transpose-editor.ts';

export interface Handler {
  /** Inputs that would be transposed. */
  readonly inputs: (n: Draft) => readonly number[];
  /** Whether the Transpose comes out behind the node. */
  readonly movesOutputs: boolean;
  /** Whatever the estimate says. */
  readonly isAlwaysWorth?: (n: Draft) => boolean;
  /** False where the node cannot be passed after all; undefined: it never is here. */
  readonly push?: (p: Push) => boolean;
}

export interface Push {
  readonly transposes: TransposeEditor;
  readonly n: Draft;
  readonly perm: Perm;
  readonly inputs: readonly number[];
}

export function handlerOf(n: Draft): Handler | undefined {
  return handlers[qualifiedName(n)];
}

const first = () => [0];
const all = (n: Draft) => [...n.inputs.keys()];
const notScalar = (n: Draft) => all(n).filter((i) => dimsOfValue(n.inputs[i])?.length !== 0);
/** Operands of QLinearAdd and QLinearMul, each followed by its scale and zero point. */
const operands = () => [0, 3];
/** Of QLinearConcat, after scale and zero point of the output. */
const everyThird = (n: Draft) => all(n).filter((i) => i >= 2 && i % 3 === 2);

function through({ transposes, n, perm, inputs }: Push): boolean {
  for (const i of inputs) transposes.input(n, i, inverse(perm));
  n.outputs.forEach((_, i) => transposes.output(n, perm, i));
  return true;
}

/** Constants of fewer dims are given more; computed ones are not followed, and none of unknown rank is. */
function throughBroadcast(p: Push): boolean {
  const isPlain = p.inputs.every((i) => {
    const v = p.n.inputs[i];
    if (v?.kind === 'constant') return true;
    return v !== undefined && dimsOfValue(v)?.length === p.perm.length && p.transposes.knowsRank(v);
  });
  return isPlain && through(p);
}

const simple: Handler = { inputs: first, movesOutputs: true, push: through };
const broadcast: Handler = { inputs: notScalar, movesOutputs: true, push: throughBroadcast };

const toChannelsFirst = [0, 3, 1, 2];

/** The kernels take either layout. */
const pool: Handler = {
  inputs: first,
  movesOutputs: true,
  push: (p) => {
    const isLast = attributeInt(p.n.node, 'channels_last', 0) === 1;
    if (!isSamePerm(isLast ? inverse(p.perm) : p.perm, toChannelsFirst)) return false;
    const flag: Attribute = { name: 'channels_last', kind: 'int', value: isLast ? 0n : 1n };
    const attributes = new Map([...p.n.node.attributes, ['channels_last', flag] as const]);
    p.transposes.editor.change(p.n, { node: { ...p.n.node, attributes } });
    return through(p);
  },
};

const bytes: ReadonlySet<number> = new Set([DataType.uint8, DataType.int8]);

const maxPool: Handler = {
  inputs: first,
  movesOutputs: true,
  isAlwaysWorth: () => true,
  push: (p) => {
    if (p.n.outputs[1] !== undefined || !bytes.has(elemTypeOfValue(p.n.outputs[0]))) return false;
    if (!isSamePerm(p.perm, toChannelsFirst)) return false;
    const [made] = p.transposes.editor.replace(p.n, [
      { ...p.n, opType: 'NhwcMaxPool', domain: 'com.microsoft' },
    ]);
    return made !== undefined && through({ ...p, n: made });
  },
};

const resize: Handler = {
  inputs: first,
  movesOutputs: true,
  isAlwaysWorth: (n) =>
    bytes.has(elemTypeOfValue(n.inputs[0])) && attributeString(n.node, 'mode') === 'linear',
  push: (p) => {
    if (p.perm.length !== 4) return false;
    // scales alone before opset 11
    for (const at of p.n.inputs.length === 2 ? [1] : [2, 3]) orderVector(p, at);
    return through(p);
  },
};

/** Scales and sizes go by axis: each node gets a constant of its own, also where several shared one. */
function orderVector({ transposes: { editor }, n, perm }: Push, at: number): void {
  const v = n.inputs[at];
  const dims = dimsOfValue(v);
  if (!isConstant(v) || v.type.kind !== 'tensor' || dims?.length !== 1 || dims[0] !== perm.length) return;
  const { content } = v.type;
  const moved = inverse(perm).map((axis) => content?.[axis] ?? unknown('it is not read'));
  const made = editor.values.make({
    ...v,
    name: `${v.name}/${n.outputs[0]?.name ?? ''}`,
    type: { ...v.type, content: content && moved },
    constant: v.constant && { ...v.constant, small: undefined, content: undefined },
    identity: undefined,
  });
  editor.addConstant(made);
  editor.change(n, { inputs: n.inputs.map((input, i) => (i === at ? made : input)) });
}

/** Its axis is where the Transpose takes it from. */
const alongAxis = (inputs: Handler['inputs'], fallback: number): Handler => ({
  inputs,
  movesOutputs: true,
  push: (p) => {
    const axis = axisOf(p.n, fallback, p.perm.length);
    setAxis(p.transposes.editor, p.n, p.perm[axis] ?? axis);
    return through(p);
  },
});

/** Before opset 13 it sees two axes: what is before its axis and the rest; nothing may cross. */
const softmax: Handler = {
  ...alongAxis(first, -1),
  push: (p) => {
    if (p.n.source.version >= 13) return alongAxis(first, -1).push?.(p) === true;
    const axis = axisOf(p.n, 1, p.perm.length);
    return p.perm.every((from, to) => from < axis === to < axis) && through(p);
  },
};

const reduce: Handler = {
  inputs: first,
  movesOutputs: true,
  push: (p) => {
    if (attributeInt(p.n.node, 'keepdims', 1) !== 1) return withoutAxes(p);
    moveAxes(p);
    return through(p);
  },
};

const slice: Handler = {
  inputs: first,
  movesOutputs: true,
  push: (p) => (moveAxes(p, 3) ? through(p) : false),
};

/** False where the axes are not known. */
function moveAxes({ transposes, n, perm }: Push, input = 1): boolean {
  const axes = axesOf(n, input, perm.length);
  if (axes === undefined) return false;
  setAxes(
    transposes.editor,
    n,
    input,
    axes.map((axis) => perm[axis] ?? axis),
  );
  return true;
}

const squeeze: Handler = { inputs: first, movesOutputs: true, push: withoutAxes };

/** The Transpose behind it is of the axes that are left; none where they keep their order. */
function withoutAxes(p: Push): boolean {
  const { transposes, n, perm } = p;
  const axes = axesOf(n, 1, perm.length);
  if (axes === undefined) return false;
  const kept = perm.filter((_, axis) => !axes.includes(axis));
  const sorted = [...kept].sort((a, b) => a - b);
  moveAxes(p);
  transposes.input(n, 0, inverse(perm));
  const left = kept.map((axis) => sorted.indexOf(axis));
  if (left.some((axis, i) => axis !== i)) transposes.output(n, left);
  return true;
}

/** The Shape of what was transposed: its sizes picked in that order. */
const shape: Handler = {
  inputs: first,
  movesOutputs: false,
  push: ({ transposes, n, perm }) => {
    const { editor } = transposes;
    const [output] = n.outputs;
    if (output === undefined || n.node.attributes.size > 0) return false;
    transposes.input(n, 0, inverse(perm));
    const sizes = editor.values.like(output, `${output.name}/sizes`);
    editor.change(n, { outputs: [sizes] });
    const node = { ...n.node, opType: 'Gather', attributes: new Map<string, Attribute>() };
    const inputs = [sizes, vector(editor, `${output.name}/order`, perm)];
    editor.add({ ...n, sources: [], opType: 'Gather', node, inputs, outputs: [output] });
    return true;
  },
};

/** A Transpose after another: both become one, or none. */
const transpose: Handler = {
  inputs: first,
  movesOutputs: true,
  isAlwaysWorth: () => true,
  push: ({ transposes, n, perm }) => {
    const { editor } = transposes;
    const [before] = n.inputs;
    const [output] = n.outputs;
    const maker = editor.maker(before);
    const source = maker?.inputs[0];
    const own = permOf(n);
    if (source === undefined || own === undefined || output === undefined) return false;
    const composed = own.map((axis) => perm[axis] ?? axis);
    if (isSamePerm(composed, [...composed.keys()]) && !editor.isPinned(output)) editor.bypass(n, source);
    else editor.change(n, { inputs: [source], node: withPerm(n.node, composed) });
    transposes.removeUnread(maker);
    return true;
  },
};

/** They can be passed, but not by what is replayed here. */
const unfollowed: Handler = { inputs: first, movesOutputs: false };

const words = (handler: Handler, names: string) =>
  Object.fromEntries(names.split(' ').map((n) => [n, handler]));

const handlers: Readonly<Record<string, Handler>> = {
  ...words(
    simple,
    'Cast Exp Gelu Identity LeakyRelu Log Reciprocal Relu Sigmoid Sqrt Tanh Abs Not Ceil Floor Neg Erf HardSigmoid Round ' +
      'IsInf IsNaN Selu Shrink Sign Softplus Softsign ThresholdedRelu Celu HardSwish Sin Cos Tan Clip CastLike ' +
      'QuantizeLinear DequantizeLinear Pad ' +
      'com.microsoft::QuantizeLinear com.microsoft::DequantizeLinear com.microsoft::QLinearLeakyRelu ' +
      'com.microsoft::QLinearSigmoid com.microsoft::QLinearSoftmax',
  ),
  ...words(
    broadcast,
    'Add Max Min Mul Sub Div And Or Xor Mod PRelu BitShift Equal Greater Less GreaterOrEqual LessOrEqual Mean Sum Pow Where',
  ),
  'com.microsoft::QLinearAdd': { ...broadcast, inputs: operands },
  'com.microsoft::QLinearMul': { ...broadcast, inputs: operands },
  'com.microsoft::QLinearConcat': { ...simple, inputs: everyThird },
  Concat: alongAxis(all, 0),
  Split: alongAxis(first, 0),
  ...words(softmax, 'Softmax LogSoftmax Hardmax'),
  'com.microsoft::QLinearAveragePool': pool,
  'com.microsoft::QLinearGlobalAveragePool': pool,
  ...words(
    reduce,
    'ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare ReduceL1 ReduceL2',
  ),
  MaxPool: maxPool,
  Resize: resize,
  Squeeze: squeeze,
  Transpose: transpose,
  Slice: slice,
  Shape: shape,
  ...words(unfollowed, 'Unsqueeze Tile ArgMin ArgMax Reshape'),
};
