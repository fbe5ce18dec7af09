/** Axes of nodes as a Transpose moves past them: read from attributes or constants, and written back there. */
import { attributeInt, attributeInts, DataType } from '../../../../onnx/model.ts';
import type { Attribute, Node } from '../../../../onnx/model.ts';
import type { Draft } from '../../runtime.ts';
import { dimsOfValue } from '../../values.ts';
import type { Value } from '../../values.ts';
import type { GraphEditor } from '../editor.ts';
import type { Perm } from './transpose-editor.ts';

export function axisOf(n: Draft, fallback: number, rank: number): number {
  const axis = attributeInt(n.node, 'axis', fallback);
  return axis < 0 ? axis + rank : axis;
}

export function setAxis(editor: GraphEditor, n: Draft, axis: number): void {
  editor.change(n, { node: withAttribute(n.node, { name: 'axis', kind: 'int', value: BigInt(axis) }) });
}

/** From the attribute or, since some opset, input `i`; undefined where they are not known. */
export function axesOf(n: Draft, i: number, rank: number): readonly number[] | undefined {
  const axes = attributeInts(n.node, 'axes') ?? contentOf(n.inputs[i]) ?? leadingAxes(n, i);
  return axes?.map((a) => (a < 0 ? a + rank : a));
}

export function setAxes(editor: GraphEditor, n: Draft, i: number, axes: readonly number[]): void {
  if (n.inputs.length > 1) {
    const inputs = Array.from({ length: Math.max(n.inputs.length, i + 1) }, (_, at) => n.inputs[at]);
    inputs[i] = vector(editor, `${n.outputs[0]?.name ?? ''}/axes`, axes);
    editor.change(n, { inputs });
  } else
    editor.change(n, {
      node: withAttribute(n.node, { name: 'axes', kind: 'ints', value: axes.map(BigInt) }),
    });
}

/** A Slice without axes is of the first ones. */
function leadingAxes(n: Draft, i: number): readonly number[] | undefined {
  if (n.opType !== 'Slice' || n.inputs[i] !== undefined) return undefined;
  const count = attributeInts(n.node, 'starts')?.length ?? dimsOfValue(n.inputs[1])?.[0];
  return typeof count === 'number' ? [...Array(count).keys()] : undefined;
}

/** Undefined where it is not known. */
export function contentOf(v: Value | undefined): readonly number[] | undefined {
  const content = v?.type.kind === 'tensor' ? v.type.content : undefined;
  return content?.every((c) => typeof c === 'number') === true ? content : undefined;
}

/** A constant of int64. */
export function vector(editor: GraphEditor, name: string, content: readonly number[]): Value {
  const count = content.length;
  const dataType = DataType.int64;
  const value = editor.values.make({
    name,
    kind: 'constant',
    type: { kind: 'tensor', elemType: dataType, shape: [count], content },
    constant: { bytes: 8 * count, count, dims: [count], dataType, isDefault: false },
    identity: `int64[${content.join()}]`,
    producer: undefined,
  });
  editor.addConstant(value);
  return value;
}

export function withPerm(node: Node, perm: Perm): Node {
  return withAttribute(node, { name: 'perm', kind: 'ints', value: perm.map(BigInt) });
}

function withAttribute(node: Node, attribute: Attribute): Node {
  return { ...node, attributes: new Map([...node.attributes, [attribute.name, attribute]]) };
}
