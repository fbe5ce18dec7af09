/** Which nodes a Transpose can be moved past, and what becomes of them; as in ONNX Runtime's tables (1.30). */
import { attributeInt, attributeInts, attributeString, DataType } from '../../../../onnx/model.ts';
import type { Attribute } from '../../../../onnx/model.ts';
import { isUnknown } from '../../../dim.ts';
import type { Draft } from '../../runtime.ts';
import { dimsOfValue, elemTypeOfValue } from '../../values.ts';
import { qualifiedName } from '../patterns.ts';
import { isSamePerm, inverse } from './transpose-editor.ts';
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

/** Constants of fewer dims are given more; computed ones are not followed. */
function throughBroadcast(p: Push): boolean {
  const isPlain = p.inputs.every((i) => {
    const v = p.n.inputs[i];
    return v?.kind === 'constant' || dimsOfValue(v)?.length === p.perm.length;
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
  push: (p) => p.perm.length === 4 && through(p),
};

const reduce: Handler = {
  inputs: first,
  movesOutputs: true,
  push: (p) => (attributeInt(p.n.node, 'keepdims', 1) === 1 ? through(p) : withoutAxes(p)),
};

const squeeze: Handler = { inputs: first, movesOutputs: true, push: withoutAxes };

/** The Transpose behind it is of the axes that are left; none where they keep their order. */
function withoutAxes({ transposes, n, perm }: Push): boolean {
  const axes = squeezedAxes(n, perm.length);
  if (axes === undefined) return false;
  const kept = perm.filter((_, axis) => !axes.includes(axis));
  const sorted = [...kept].sort((a, b) => a - b);
  transposes.input(n, 0, inverse(perm));
  const left = kept.map((axis) => sorted.indexOf(axis));
  if (left.some((axis, i) => axis !== i)) transposes.output(n, left);
  return true;
}

function squeezedAxes(n: Draft, rank: number): readonly number[] | undefined {
  const type = n.inputs[1]?.type;
  const content = type?.kind === 'tensor' && !isUnknown(type.shape) ? type.content : undefined;
  const axes = attributeInts(n.node, 'axes') ?? content;
  if (axes?.every((a) => typeof a === 'number') !== true) return undefined;
  return axes.map((a) => (a < 0 ? a + rank : a));
}

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
    const own = attributeInts(n.node, 'perm');
    if (source === undefined || own === undefined || output === undefined) return false;
    const composed = own.map((axis) => perm[axis] ?? axis);
    if (isSamePerm(composed, [...composed.keys()]) && !editor.isPinned(output)) editor.bypass(n, source);
    else {
      const attribute: Attribute = { name: 'perm', kind: 'ints', value: composed.map(BigInt) };
      const node = { ...n.node, attributes: new Map([['perm', attribute]]) };
      editor.change(n, { inputs: [source], node });
    }
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
      'QuantizeLinear DequantizeLinear Softmax LogSoftmax Hardmax Pad ' +
      'com.microsoft::QuantizeLinear com.microsoft::DequantizeLinear com.microsoft::QLinearLeakyRelu ' +
      'com.microsoft::QLinearSigmoid com.microsoft::QLinearSoftmax Split',
  ),
  ...words(
    broadcast,
    'Add Max Min Mul Sub Div And Or Xor Mod PRelu BitShift Equal Greater Less GreaterOrEqual LessOrEqual Mean Sum Pow Where',
  ),
  'com.microsoft::QLinearAdd': { ...broadcast, inputs: operands },
  'com.microsoft::QLinearMul': { ...broadcast, inputs: operands },
  'com.microsoft::QLinearConcat': { ...simple, inputs: everyThird },
  Concat: { ...simple, inputs: all },
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
  ...words(unfollowed, 'Shape Unsqueeze Slice Tile ArgMin ArgMax Reshape'),
};
